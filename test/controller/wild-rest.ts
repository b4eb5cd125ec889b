/** What holds in a wild run when everything has come to rest, and that a controller which starts then has nothing to do. */
import { expect } from "@jest/globals";
import type { Json } from "../../lib/kube/api.ts";
import { fields } from "../../lib/model/decode.ts";
import type { IPPool } from "../../lib/model/ip-pool.ts";
import { parseNamespace } from "../../lib/model/namespace.ts";
import { parseService, type Service } from "../../lib/model/service.ts";
import { must } from "./objects.ts";
import type { StoredEvent } from "./scripted-api.ts";
import { homeOf, untruths } from "./vip-truth.ts";
import { heldIn, mayDraw } from "./wild-rules.ts";
import { CANDIDATES, isOurs, ownIngress, pools, saysOf, services, vips, type Wild } from "./wild-store.ts";
import { settle } from "./wild-world.ts";

/** Everything comes to rest with one controller, as it should be: another one that starts then finds nothing to do. */
export async function rest(wild: Wild, who: "new" | "last", onStep: () => void): Promise<void> {
  await settle(wild, who, onStep);
  checkRest(wild);
  const from = wild.api.events.length;
  await settle(wild, "new", onStep);
  const done = wild.api.events.flatMap((event, at) =>
    at < from || isExcused(before(wild, at), event) ? [] : [told(before(wild, at), event)],
  );
  expect(done).toEqual([]);
}

/** The object as it was before this event. */
function before({ api }: Wild, at: number): Json | undefined {
  const { resource, key } = api.events[at] ?? {};
  return api.events.slice(0, at).findLast((one) => one.resource === resource && one.key === key)?.object;
}

/** Speakers go on; and who has no address may have been told what was true a moment ago, but of one that he asks for by name. */
function isExcused(was: Json | undefined, { resource, object }: StoredEvent): boolean {
  if (was === undefined || object === undefined) return false;
  if (resource === "virtualips") return withoutHolder(was) === withoutHolder(object);
  const isNamed = resource === "services" && toldByName(was).join() !== toldByName(object).join();
  return resource === "services" && !isNamed && saysTheSame(was, object);
}

/** For the message of a test that fails. */
function told(was: Json | undefined, { key, object }: StoredEvent): string {
  const [left, right] = [was, object].map((one) => JSON.stringify([fields(one)["spec"], fields(one)["status"]]));
  return `${key}: ${left} becomes ${right}`;
}

function withoutHolder(raw: Json): string {
  const { metadata, status, ...rest } = fields(raw);
  return JSON.stringify([rest, { ...fields(metadata), resourceVersion: "" }, { ...fields(status), holder: undefined }]);
}

/** What a Service is told of the addresses that it asks for by name is true at any time: it is woken when somebody else gets one. */
function toldByName(raw: Json): readonly string[] {
  const service = must(parseService(raw));
  const asked = (service.meta.annotations["berth.dev/ips"] ?? "").split(",").filter((ip) => ip !== "");
  const parts = saysOf(service)?.message.split("; ") ?? [];
  return parts.filter((part) => asked.some((ip) => part.startsWith(`${ip} `)));
}

/** Whether nobody has an address before or after, and the conditions that say so are as true as they were: the words may be of a moment ago. */
function saysTheSame(before: Json, now: Json): boolean {
  const [was, is] = [before, now].map((raw) => {
    const service = must(parseService(raw));
    return ownIngress(service).length > 0 ? undefined : service.conditions.map(({ status }) => status).join();
  });
  return was !== undefined && was === is;
}

function checkRest(wild: Wild): void {
  const all = services(wild);
  const byUid = new Map(all.map((service) => [service.meta.uid, service]));
  expect(untruths(wild.api)).toEqual([]);
  for (const vip of vips(wild)) {
    expect(vip.meta.deletionTimestamp).toBeUndefined();
    expect({ vip: vip.address, empty: vip.services.length === 0 }).toEqual({
      vip: vip.address,
      empty: vip.quarantine !== undefined,
    });
    for (const { uid, name } of vip.services) {
      const listed = byUid.get(uid)?.ingress.map((entry) => entry.ip) ?? [];
      expect({ name, has: listed.includes(vip.address) }).toEqual({ name, has: true });
    }
  }
  for (const service of all) checkService(wild, service);
  for (const pool of pools(wild)) {
    const used = vips(wild).some((vip) => vip.pool === pool.meta.name);
    expect({ pool: pool.meta.name, held: pool.meta.finalizers.length }).toEqual({
      pool: pool.meta.name,
      held: used ? 1 : 0,
    });
  }
}

function checkService(wild: Wild, service: Service): void {
  const { name, deletionTimestamp, finalizers } = service.meta;
  expect(deletionTimestamp).toBeUndefined();
  const own = ownIngress(service);
  for (const ip of own) {
    const vip = vips(wild).find((one) => one.address === ip);
    expect({ ip, named: vip?.services.some((one) => one.uid === service.meta.uid) }).toEqual({ ip, named: true });
  }
  expect({ name, held: finalizers.length }).toEqual({ name, held: own.length > 0 ? 1 : 0 });
  expect({ name, marked: saysOf(service) !== undefined }).toEqual({ name, marked: isOurs(service) });
  checkTold(wild, service);
  checkNotInVain(wild, service);
}

/** Services on one address that do not go together say so, each of them. */
function checkTold(wild: Wild, service: Service): void {
  const says = saysOf(service);
  for (const ip of ownIngress(service)) {
    for (const other of services(wild)) {
      if (other.meta.uid === service.meta.uid || !ownIngress(other).includes(ip)) continue;
      const collide = other.ports.some((one) => service.ports.some((own) => own.port === one.port));
      const differ = other.externalTrafficPolicy !== service.externalTrafficPolicy;
      const bad = collide || differ;
      if (bad) expect({ service: service.meta.name, reason: says?.reason }).not.toMatchObject({ reason: "Assigned" });
    }
  }
}

/** Who asks for nothing lacks an address only while no pool has one for him. */
function checkNotInVain(wild: Wild, service: Service): void {
  const asks = Object.keys(service.meta.annotations).some((name) => /\/(ips|pool)$/.test(name));
  const { "berth.dev/sharing-key": own, "metallb.io/allow-shared-ip": metallb } = service.meta.annotations;
  // Two keys that differ are a request that cannot be read.
  if (own !== undefined && metallb !== undefined && own !== metallb) return;
  if (asks || !isOurs(service) || service.ipFamilyPolicy === "RequireDualStack") return;
  const has = ownIngress(service);
  const lacking = service.ipFamilies.filter((family) => !has.some((ip) => ip.includes(":") === (family === "IPv6")));
  const status = fields(fields(wild.api.get("nodes", "n1"))["status"]);
  const ofNode = JSON.stringify(status["addresses"] ?? []);
  const namespace = must(parseNamespace(wild.api.get("namespaces", service.meta.namespace) ?? null));
  const isOpen = (pool: IPPool) =>
    pool.meta.deletionTimestamp === undefined &&
    pool.autoAssign &&
    mayDraw(pool, service, namespace) &&
    heldIn(wild, pool.meta.name, service.meta.namespace) < (pool.quota ?? Number.POSITIVE_INFINITY);
  const listed = services(wild).flatMap(({ ingress }) => ingress.map(({ ip }) => ip));
  const free = CANDIDATES.filter((text) => {
    const home = homeOf(pools(wild), text);
    const isFree = !vips(wild).some((vip) => vip.address === text) && !listed.includes(text);
    return home !== undefined && isOpen(home) && isFree && !ofNode.includes(`"${text}"`);
  });
  const couldHave = lacking.filter((family) => free.some((text) => text.includes(":") === (family === "IPv6")));
  expect({ service: service.meta.name, couldHave }).toEqual({ service: service.meta.name, couldHave: [] });
}

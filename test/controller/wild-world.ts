/**
 * Users, speakers, nodes and an API server that do everything at once to controllers that die, overlap and see late: pools
 * are edited and deleted, Services share, ask and change their minds, hosts outside use addresses, the store is rolled back.
 */
import { setImmediate as settled } from "node:timers/promises";
import type { JsonObject } from "../../lib/model/decode.ts";
import type { VirtualIP } from "../../lib/model/virtual-ip.ts";
import { below, pick } from "./crash-draw.ts";
import { Process } from "./crash-world.ts";
import { Witness } from "./wild-rules.ts";
import {
  BERTH,
  CORE,
  create,
  NAMESPACES,
  namedIn,
  POOL_RANGES,
  POOLS,
  patch,
  QUOTAS,
  services,
  vips,
  type Wild,
} from "./wild-store.ts";
import { userActs } from "./wild-user.ts";

const SETTLE_STEPS_MAX = 60_000;
/** Whom the pools are for; each is drawn as often as it stands here. */
const DRAWERS = [
  { namespaceSelector: null, serviceSelector: null },
  { namespaceSelector: null, serviceSelector: null },
  { namespaceSelector: { matchLabels: { team: "a" } }, serviceSelector: null },
  { namespaceSelector: null, serviceSelector: { matchLabels: { expose: "public" } } },
  { namespaceSelector: { matchLabels: { team: "a" } }, serviceSelector: { matchLabels: { expose: "public" } } },
];

/** Of the ranges that a pool has, or may come to have. */
const EXCLUDED = [[], [], ["10.0.0.3-10.0.0.4"], ["10.0.0.2/32", "fd99::2/128"], ["10.0.0.9/32"]];
const INTERFACES = [[], ["eth0"], ["eth*", "bond0"]];

/** Who looks after the cluster: pools, nodes, VirtualIPs. */
function adminActs(wild: Wild): void {
  const name = pick(wild, POOLS) ?? "";
  const isThere = wild.api.get("ippools", name) !== undefined;
  const path = `${BERTH}/ippools/${name}`;
  const editPool = (): void => {
    const spec = {
      addresses: pick(wild, POOL_RANGES) ?? [],
      priority: pick(wild, [1, 2, null]),
      quota: pick(wild, [null, null, ...QUOTAS]),
      sharing: pick(wild, ["SameNamespace", "AcrossNamespaces"]),
      autoAssign: pick(wild, [true, true, false]),
      excluded: pick(wild, EXCLUDED) ?? [],
      avoidBuggyIPs: pick(wild, [true, false]),
      l2: { interfaces: pick(wild, INTERFACES) ?? [] },
      ...pick(wild, DRAWERS),
    };
    if (isThere) patch(wild, path, { spec });
    else create(wild, `${BERTH}/ippools`, { metadata: { name }, spec: withoutNull(spec) });
  };
  const changes: readonly (() => void)[] = [
    editPool,
    editPool,
    () => {
      if (isThere && name !== "first") wild.api.call({ verb: "delete", path });
    },
    () => {
      const address = pick(wild, ["10.0.0.2", "192.168.0.1", "fd99::2"]);
      patch(wild, `${CORE}/nodes/n1/status`, { status: { addresses: [{ type: "InternalIP", address }] } });
    },
    () => {
      const labels = { team: pick(wild, ["a", "a", "b"]) };
      patch(wild, `${CORE}/namespaces/${pick(wild, NAMESPACES)}`, { metadata: { labels } });
    },
    () => meddle(wild),
  ];
  pick(wild, changes)?.();
}

/** Somebody deletes or rewrites a VirtualIP by hand. */
function meddle(wild: Wild): void {
  const vip = pick(wild, vips(wild));
  if (vip === undefined) return;
  const path = `${BERTH}/virtualips/${vip.meta.name}`;
  const owners = services(wild).filter((service) => vip.services.some((one) => one.uid === service.meta.uid));
  const isPublished = owners.some((service) => service.ingress.some((entry) => entry.ip === vip.address));
  wild.upsetAt = wild.steps;
  const isKnown = wild.isAlone || (isPublished && wild.processes.every((process) => process.lag() === 0));
  // Else one of two controllers at once may let an address go that the other is about to publish (docs/allocation-limits.md).
  const draw = wild.random();
  if (draw < 0.4 && isKnown) wild.api.call({ verb: "delete", path });
  else if (draw < 0.8) patch(wild, path, { spec: { services: [], pool: "nowhere" } });
  else patch(wild, path, { spec: misled(wild, vip) });
}

/** What is for people says something else, and the marks of fulfilled wishes are such as a user may write, or none. */
function misled(wild: Wild, { services: named }: VirtualIP): JsonObject {
  const marked = named.map((one) => ({ ...one, renumber: pick(wild, ["evil", "7", undefined]) }));
  return { usedBy: "nobody/else", services: JSON.parse(JSON.stringify(marked)) };
}

/** The speaker takes what nobody holds, writes its silence, and hears foreign hosts now and then. */
export function speakerActs(wild: Wild, hearing = true): void {
  const vip = pick(wild, vips(wild));
  if (vip === undefined) return;
  const { node = "", epoch = 0 } = vip.holder ?? {};
  const leaving = vip.meta.deletionTimestamp !== undefined;
  if (hearing && vip.holder === undefined && !leaving && wild.random() < 0.1) {
    tellConflict(wild, vip, "True");
    return;
  }
  const wanted = leaving || vip.services.length === 0 ? "" : "n1";
  if (node !== wanted) patchVipStatus(wild, vip, { holder: { node: wanted, epoch: epoch + 1 } });
}

function tellConflict(wild: Wild, vip: VirtualIP, status: "True" | "False"): void {
  const message = `02:00:00:00:00:0${below(wild, 3)}, no node of this cluster, answers for ${vip.address}`;
  patchVipStatus(wild, vip, { conditions: [{ type: "Conflict", status, reason: "ForeignHost", message }] });
}

function patchVipStatus(wild: Wild, vip: VirtualIP, status: JsonObject): void {
  patch(wild, `${BERTH}/virtualips/${vip.meta.name}/status`, { status });
}

/** A backup of the store is taken, or the store goes back to it: whatever happened since is as if it never had. */
function storeActs(wild: Wild): void {
  if (wild.snapshot === undefined || wild.random() < 0.7) {
    wild.snapshot = wild.api.snapshot();
    return;
  }
  const before = namedIn(wild);
  wild.api.restore(wild.snapshot, wild.random() < 0.5 ? "go on" : "go back");
  for (const one of before) wild.lost.add(one);
  wild.rollbacks += 1;
  wild.upsetAt = wild.steps;
  wild.upsetBefore = wild.api.events.length;
  for (const process of wild.processes) {
    process.rolledBack();
    // What the watches had yet to bring is lost with them; or they bring it, and then what became of it.
    if (wild.random() < 0.5) process.relist();
    wild.deliveries += 1;
  }
}

export function disturb(wild: Wild): void {
  const alive = wild.processes.filter((process) => !process.dead);
  if (wild.isAlone || alive.length > 1 || wild.random() < 0.3) pick(wild, alive)?.die();
  wild.processes = wild.processes.filter((process) => !process.dead);
  if (wild.processes.length < 2) wild.processes.push(start(wild));
}

function start(wild: Wild): Process {
  const process = new Process(wild.api, () => wild.now, wild.random);
  wild.witnesses.set(process, new Witness(wild, process));
  return process;
}

/** One small step of anything. */
export async function step(wild: Wild, isWild: boolean): Promise<void> {
  wild.now += below(wild, 5);
  wild.steps += 1;
  for (const process of wild.processes) wild.witnesses.get(process)?.look();
  const process = pick(wild, wild.processes);
  const draw = below(wild, isWild ? 100 : 80);
  if (draw < 25) wild.deliveries += 1;
  if (draw < 25) process?.deliver();
  else if (draw < 45) process?.work();
  else if (draw < 75 && process !== undefined) process.proceed(below(wild, Math.max(1, process.pending.length)));
  else if (draw < 80) speakerActs(wild, isWild);
  else if (draw < 91) userActs(wild);
  else if (draw < 96) adminActs(wild);
  else if (draw < 97) storeActs(wild);
  else disturb(wild);
  await settled();
}

/** One thing happens to a cluster at rest; mostly such as makes room for somebody who waits, without an address that becomes free. */
export function edit(wild: Wild): void {
  const draw = below(wild, 10);
  if (draw < 3) userActs(wild);
  else if (draw < 5) adminActs(wild);
  else if (draw < 8) reorder(wild);
  else conflictActs(wild);
}

/** Another pool comes first, and takes over what it has too; the quotas are small. */
function reorder(wild: Wild): void {
  const name = pick(wild, POOLS) ?? "";
  if (wild.api.get("ippools", name) === undefined) return;
  const spec = {
    addresses: pick(wild, POOL_RANGES) ?? [],
    priority: pick(wild, [1, 2, null]),
    quota: pick(wild, [1, 1, 2]),
  };
  patch(wild, `${BERTH}/ippools/${name}`, { spec });
}

/** A foreign host uses an address, or has fallen silent. */
function conflictActs(wild: Wild): void {
  const vip = pick(wild, vips(wild));
  if (vip === undefined) return;
  const isThere = vip.conditions.some(({ type, status }) => type === "Conflict" && status === "True");
  tellConflict(wild, vip, isThere ? "False" : "True");
}

/**
 * One controller, no more disturbance: everything must come to rest. A new one looks at every Service when it begins; the last one that
 * lives goes on from what it knows, so what it was not woken for stays undone.
 */
export async function settle(wild: Wild, who: "new" | "last", onStep: () => void): Promise<void> {
  const last = who === "last" ? wild.processes.findLast(({ dead }) => !dead) : undefined;
  for (const one of wild.processes) if (one !== last) one.die();
  const process = last ?? start(wild);
  wild.processes = [process];
  let quiet = 0;
  // Until the last address that was put aside is free again.
  for (let steps = 0; quiet < 120 || vips(wild).some((vip) => vip.quarantine !== undefined); steps++) {
    if (steps > SETTLE_STEPS_MAX) throw new Error("the controller does not come to rest");
    const before = wild.api.events.length;
    await step(wild, false);
    onStep();
    const idle = process.idle && before === wild.api.events.length;
    quiet = idle ? quiet + 1 : 0;
    if (!idle) continue;
    wild.now += quiet < 120 ? 1_200 : 600_000;
    if (quiet % 20 === 0) process.sweep();
  }
}

function withoutNull(spec: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(spec).filter(([, value]) => value !== null));
}

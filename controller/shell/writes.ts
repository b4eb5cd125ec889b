/** The controller's calls to the API server: each is one request with its preconditions. Nothing is decided here. */
import type { Json, KubeApi } from "../../lib/kube/api.ts";
import { apiPath } from "../../lib/kube/path.ts";
import { type ConditionClaim, conditionJson, stampCondition, withCondition } from "../../lib/model/conditions.ts";
import type { IPPool } from "../../lib/model/ip-pool.ts";
import { API_VERSION, HELD_FINALIZER, POOL_FINALIZER, SERVICE_FINALIZER } from "../../lib/model/meta.ts";
import { type Ingress, parseService, type Service } from "../../lib/model/service.ts";
import {
  parseVirtualIP,
  type VirtualIP,
  type VirtualIPSpec,
  virtualIPJson,
  virtualIPSpecJson,
} from "../../lib/model/virtual-ip.ts";
import { BerthError } from "../../lib/runtime/errors.ts";
import type { ServiceWrite } from "../effects.ts";
import { ASSIGNED_CONDITION } from "../published.ts";

export const FIELD_MANAGER = "berth-controller";
const MANAGER = { query: { fieldManager: FIELD_MANAGER } };

export function vipPath(name?: string): string {
  return apiPath(API_VERSION, "virtualips", name === undefined ? {} : { name });
}

function servicePath(meta: { readonly namespace: string; readonly name: string }): string {
  return apiPath("v1", "services", meta);
}

/** undefined on 404. */
export async function readService(
  api: KubeApi,
  meta: { readonly namespace: string; readonly name: string },
): Promise<Service | undefined> {
  const { namespace, name } = meta;
  return parsed(await unlessMissing(api.get(servicePath({ namespace, name }))), parseService);
}

/** undefined on 404. */
export async function readVip(api: KubeApi, name: string): Promise<VirtualIP | undefined> {
  return parsed(await unlessMissing(api.get(vipPath(name))), parseVirtualIP);
}

/** Rejects with "conflict" if the name, and so the address, is taken. */
export async function createVip(api: KubeApi, name: string, spec: VirtualIPSpec): Promise<VirtualIP> {
  return required(await api.create(vipPath(), virtualIPJson(name, spec), MANAGER), parseVirtualIP);
}

/** The version of an object that a plan was made from. */
export interface Version {
  readonly name: string;
  readonly uid: string;
  readonly resourceVersion: string;
}

/** Replaces the spec of exactly this version: another worker or controller may add a Service to it at the same time. */
export async function updateVip(api: KubeApi, version: Version, spec: VirtualIPSpec): Promise<VirtualIP> {
  const patch = [
    { op: "test", path: "/metadata/uid", value: version.uid },
    { op: "test", path: "/metadata/resourceVersion", value: version.resourceVersion },
    { op: "replace", path: "/spec", value: virtualIPSpecJson(spec) },
  ];
  return required(await api.patch(vipPath(version.name), "json", patch, MANAGER), parseVirtualIP);
}

/** Asks for the deletion of exactly this version; rejects with "conflict" if it is another one by now. */
export async function deleteVip(api: KubeApi, { name, uid, resourceVersion }: Version): Promise<void> {
  const preconditions = { uid, resourceVersion };
  await unlessMissing(api.delete(vipPath(name), { apiVersion: "v1", kind: "DeleteOptions", preconditions }));
}

/** Adds or removes Berth's finalizer on exactly this version of a pool; rejects with "conflict" if it is another one by now. */
export async function writePoolFinalizer(api: KubeApi, pool: IPPool, present: boolean): Promise<void> {
  const others = pool.meta.finalizers.filter((one) => one !== POOL_FINALIZER);
  const finalizers = present ? [...others, POOL_FINALIZER] : others;
  const { name, uid, resourceVersion } = pool.meta;
  const body = { metadata: { uid, resourceVersion, finalizers } };
  await unlessMissing(api.patch(apiPath(API_VERSION, "ippools", { name }), "merge", body, MANAGER));
}

/** Removes the finalizer from exactly this version; rejects with "conflict" when a holder was recorded meanwhile. */
export async function letVipGo(api: KubeApi, vip: VirtualIP): Promise<void> {
  const finalizers = vip.meta.finalizers.filter((one) => one !== HELD_FINALIZER);
  const body = { metadata: { resourceVersion: vip.meta.resourceVersion, finalizers } };
  await unlessMissing(api.patch(vipPath(vip.meta.name), "merge", body, MANAGER));
}

/** Puts the finalizer back on exactly this version. */
export async function markVip(api: KubeApi, vip: VirtualIP): Promise<void> {
  const finalizers = [...vip.meta.finalizers, HELD_FINALIZER];
  const body = { metadata: { resourceVersion: vip.meta.resourceVersion, finalizers } };
  await unlessMissing(api.patch(vipPath(vip.meta.name), "merge", body, MANAGER));
}

/** Server-side apply with a manager for this one condition: those of the speakers are not touched. */
export async function writeVipCondition(
  api: KubeApi,
  vip: VirtualIP,
  claim: ConditionClaim,
  nowText: string,
): Promise<void> {
  const { name, uid } = vip.meta;
  const condition = stampCondition(vip.conditions, claim, { nowText, observedGeneration: undefined });
  // With the uid an object of the same name that came after this one is a conflict, and one that is gone is not made again.
  const body = { apiVersion: API_VERSION, kind: "VirtualIP", metadata: { name, uid } };
  const status = { conditions: [conditionJson(condition)] };
  const query = { fieldManager: `${FIELD_MANAGER}-${claim.type.toLowerCase()}`, force: "true" };
  const path = apiPath(API_VERSION, "virtualips", { name, subresource: "status" });
  await unlessMissing(api.patch(path, "apply", { ...body, status }, { query }));
}

/**
 * One merge patch of services/status. With the resourceVersion in it the lists may be written whole: a condition or
 * finalizer that somebody added meanwhile is a conflict and not a loss. The status subresource takes finalizers too.
 */
export async function writeService(
  api: KubeApi,
  service: Service,
  write: ServiceWrite,
  nowText: string,
): Promise<Service> {
  const { uid, resourceVersion } = service.meta;
  const finalizers = write.finalizer === undefined ? {} : { finalizers: finalizersAfter(service, write.finalizer) };
  const body = { metadata: { uid, resourceVersion, ...finalizers }, status: statusPatch(service, write, nowText) };
  const path = `${servicePath({ namespace: service.meta.namespace, name: service.meta.name })}/status`;
  return required(await api.patch(path, "merge", body, MANAGER), parseService);
}

function statusPatch(service: Service, write: ServiceWrite, nowText: string): Json {
  return {
    ...(write.ingress === undefined ? {} : { loadBalancer: { ingress: write.ingress.map(ingressJson) } }),
    ...(write.condition === undefined ? {} : { conditions: conditionsAfter(service, write.condition, nowText) }),
  };
}

function conditionsAfter(
  service: Service,
  claim: NonNullable<ServiceWrite["condition"]> | null,
  nowText: string,
): Json {
  if (claim === null) return service.conditions.filter((one) => one.type !== ASSIGNED_CONDITION).map(conditionJson);
  const at = { nowText, observedGeneration: undefined };
  return withCondition(service.conditions, stampCondition(service.conditions, claim, at)).map(conditionJson);
}

function finalizersAfter(service: Service, present: boolean): readonly string[] {
  const others = service.meta.finalizers.filter((one) => one !== SERVICE_FINALIZER);
  return present ? [...others, SERVICE_FINALIZER] : others;
}

function ingressJson({ ports = [], ...texts }: Ingress): Json {
  const named = Object.entries(texts).filter(([, text]) => text !== "");
  const portsJson = ports.map(({ error, ...port }): Json => (error === "" ? port : { ...port, error }));
  return { ...Object.fromEntries(named), ...(ports.length === 0 ? {} : { ports: portsJson }) };
}

/** undefined instead of an error on 404. */
export async function unlessMissing(call: Promise<Json>): Promise<Json | undefined> {
  try {
    return await call;
  } catch (thrown) {
    if (BerthError.from(thrown).code === "not-found") return undefined;
    throw thrown;
  }
}

function parsed<T>(raw: Json | undefined, parse: (raw: Json) => T | undefined): T | undefined {
  return raw === undefined ? undefined : required(raw, parse);
}

function required<T>(raw: Json, parse: (raw: Json) => T | undefined): T {
  const value = parse(raw);
  if (value === undefined)
    throw new BerthError("bad-object", "the API server answered with an object that cannot be read");
  return value;
}

/** The speaker's calls about VirtualIPs: read, compare-and-set of the holder, conditions. One request each; nothing is decided here. */
import type { Json, KubeApi } from "../../lib/kube/api.ts";
import { apiPath } from "../../lib/kube/path.ts";
import { conditionJson, stampCondition } from "../../lib/model/conditions.ts";
import { API_VERSION } from "../../lib/model/meta.ts";
import { FENCED_BY_ANNOTATION, parseSpeakerLease, speakerLeaseName } from "../../lib/model/speaker-lease.ts";
import { holderJson, parseVirtualIP } from "../../lib/model/virtual-ip.ts";
import { BerthError } from "../../lib/runtime/errors.ts";
import type { Effect, ReadResult, WriteResult } from "../election/types.ts";
import { fenceMark, fenceScope } from "../fence-mark.ts";
import type { SpeakerEffect } from "../state.ts";

type CompareAndSet = Extract<Effect, { type: "compare-and-set" }>;
type ConditionEffect = Extract<Effect, { type: "condition" }>;
type FenceEffect = Omit<Extract<SpeakerEffect, { type: "fence" }>, "type">;

/** A GET that takes longer cannot confirm anybody; the machine has given up on it by then. */
const READ_TIMEOUT_MS = 2_000;
const WRITE_TIMEOUT_MS = 3_000;
/** After so many the mark is about the whole node: too much is silent there for the time of a read, but nothing is missed. */
const FENCE_ATTEMPTS = 3;

export interface RecordReply<T> {
  readonly result: T;
  readonly error: BerthError | undefined;
}

/** Reads without a resourceVersion, so that the answer is the newest there is (API concepts, "Resource versions"). */
export async function readRecord(api: KubeApi, name: string): Promise<RecordReply<ReadResult>> {
  try {
    const raw = await api.get(apiPath(API_VERSION, "virtualips", { name }), { timeoutMs: READ_TIMEOUT_MS });
    const vip = parseVirtualIP(raw);
    if (vip !== undefined) return { result: { kind: "found", vip }, error: undefined };
    return { result: { kind: "failed" }, error: new BerthError("bad-object", `VirtualIP ${name} cannot be read`) };
  } catch (thrown) {
    const error = BerthError.from(thrown);
    return { result: { kind: error.code === "not-found" ? "gone" : "failed" }, error };
  }
}

/**
 * JSON patch (RFC 6902): the tests and the write are one step of the API server. With a record the compare is on uid and
 * epoch, so that conditions written meanwhile by others are no conflict (F4). Without one there is no epoch to test, and a
 * `test` cannot ask for absence; there the resourceVersion is tested, so that two first writers cannot both pass, and so
 * that adding a whole `status` to an object without one cannot wipe what came in between.
 */
export function compareAndSetPatch(effect: CompareAndSet, nowText: string): Json {
  const holder = holderJson({ ...effect.holder, since: nowText });
  const uid = { op: "test", path: "/metadata/uid", value: effect.uid };
  if (effect.fromEpoch !== undefined) {
    const epoch = { op: "test", path: "/status/holder/epoch", value: effect.fromEpoch };
    return [uid, epoch, { op: "replace", path: "/status/holder", value: holder }];
  }
  const version = { op: "test", path: "/metadata/resourceVersion", value: effect.resourceVersion };
  const add = effect.bareStatus
    ? { op: "add", path: "/status", value: { holder } }
    : { op: "add", path: "/status/holder", value: holder };
  return [uid, version, add];
}

export async function writeRecord(
  api: KubeApi,
  effect: CompareAndSet,
  nowText: string,
): Promise<RecordReply<WriteResult>> {
  const path = apiPath(API_VERSION, "virtualips", { name: effect.name, subresource: "status" });
  const options = { query: { fieldManager: "berth-speaker" }, timeoutMs: WRITE_TIMEOUT_MS };
  try {
    const vip = parseVirtualIP(await api.patch(path, "json", compareAndSetPatch(effect, nowText), options));
    if (vip !== undefined) return { result: { kind: "ok", vip }, error: undefined };
    return {
      result: { kind: "unknown" },
      error: new BerthError("bad-object", `VirtualIP ${effect.name} cannot be read`),
    };
  } catch (thrown) {
    const error = BerthError.from(thrown);
    const refused = error.code === "conflict" || error.code === "not-found" || error.code === "api-refused";
    return { result: { kind: refused ? "refused" : "unknown" }, error };
  }
}

/**
 * Marks the Lease of a process that the wire has found gone (F5): behind one interface, if the Lease is still the one that was seen, or
 * can be read; else the whole node. Refused when another process acts for that node by now. An object without annotations is no
 * Lease of a speaker, so the path to add to is there. Throws BerthError.
 */
export async function writeFence(api: KubeApi, namespace: string, fence: FenceEffect): Promise<void> {
  const path = apiPath("coordination.k8s.io/v1", "leases", { namespace, name: speakerLeaseName(fence.node) });
  const patch = async (on: string, resourceVersion: string): Promise<void> => {
    const seen = [{ op: "test", path: "/metadata/resourceVersion", value: resourceVersion }];
    const body = [
      { op: "test", path: "/spec/holderIdentity", value: fence.instance },
      ...(on === "" ? [] : seen),
      {
        op: "add",
        path: `/metadata/annotations/${FENCED_BY_ANNOTATION.replace("/", "~1")}`,
        value: fenceMark(fence.by, on),
      },
    ];
    await api.patch(path, "json", body, { query: { fieldManager: "berth-speaker" }, timeoutMs: WRITE_TIMEOUT_MS });
  };
  let [on, resourceVersion] = [fence.interface, fence.resourceVersion];
  for (let attempt = 1; on !== "" && attempt <= FENCE_ATTEMPTS; attempt++) {
    try {
      await patch(on, resourceVersion);
      return;
    } catch (thrown) {
      const { code } = BerthError.from(thrown);
      if (code !== "conflict" && code !== "api-refused") throw thrown;
    }
    // Renewed, or marked by another who takes from the same node.
    const lease = parseSpeakerLease(await api.get(path, { timeoutMs: READ_TIMEOUT_MS }));
    on = fenceScope(lease?.fencedBy ?? "", on);
    resourceVersion = lease?.meta.resourceVersion ?? "";
  }
  await patch("", "");
}

/** Server-side apply with one manager for each type, so that nobody erases another's condition (M12). */
export async function writeCondition(api: KubeApi, effect: ConditionEffect, nowText: string): Promise<void> {
  const { name, uid, claim } = effect;
  const condition = stampCondition(effect.conditions, claim, { nowText, observedGeneration: undefined });
  const body = {
    apiVersion: API_VERSION,
    kind: "VirtualIP",
    // With the uid an object of the same name that came after this one is a conflict.
    metadata: { name, uid },
    status: { conditions: [conditionJson(condition)] },
  };
  const path = apiPath(API_VERSION, "virtualips", { name, subresource: "status" });
  await api.patch(path, "apply", body, { query: { fieldManager: conditionManager(claim.type), force: "true" } });
}

export function conditionManager(type: string): string {
  return `berth-speaker-${type.toLowerCase()}`;
}

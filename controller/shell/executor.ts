/** Executes the effects of one plan in their order and reports what came out; the next plan starts from that. */
import { parseIp } from "../../lib/address/ip.ts";
import type { KubeApi } from "../../lib/kube/api.ts";
import type { Service } from "../../lib/model/service.ts";
import type { VirtualIP } from "../../lib/model/virtual-ip.ts";
import { assertNever, BerthError } from "../../lib/runtime/errors.ts";
import type { Effect } from "../effects.ts";
import { taken, writes } from "../metrics.ts";
import { createVip, deleteVip, readService, readVip, updateVip, writeService } from "./writes.ts";

export interface ExecutorDeps {
  readonly api: KubeApi;
  /** RFC 3339. */
  nowText(): string;
  /** Before every write: a process that is no longer the leader writes nothing more. */
  isLeader(): boolean;
  /** The store went back since the plan was made: what its first writes gave may be another's by now. */
  isOutdated(): boolean;
  /** What a write or read has shown, to be believed before the watch delivers it. */
  saw(object: Seen): void;
  warn(service: Service, reason: string, message: string): void;
}

export type Seen =
  | { readonly type: "service"; readonly key: string; readonly service: Service | undefined }
  | { readonly type: "vip"; readonly name: string; readonly vip: VirtualIP | undefined };

/** "again": the API server knows better than the plan; what it knows was reported, so plan anew. */
export type PassEnd = "done" | "again" | "not-leader";

/** Runs until an effect fails. Rejects with the error of the API call where planning again at once would not help. */
export async function execute(
  deps: ExecutorDeps,
  key: string,
  service: Service | undefined,
  effects: readonly Effect[],
): Promise<PassEnd> {
  let current = service;
  for (const effect of effects) {
    if (!deps.isLeader()) return "not-leader";
    if (deps.isOutdated()) return "again";
    if (effect.type === "warn") {
      if (current !== undefined) deps.warn(current, effect.reason, effect.message);
      continue;
    }
    const step = await counted(effect.type, () => perform(deps, key, current, effect));
    if (step === "again") return "again";
    if (step !== "done") current = step;
  }
  return "done";
}

type Step = "done" | "again" | Service;

async function perform(
  deps: ExecutorDeps,
  key: string,
  current: Service | undefined,
  effect: Exclude<Effect, { type: "warn" }>,
): Promise<Step> {
  const { api, saw } = deps;
  switch (effect.type) {
    case "create-vip":
      return orTaken(deps, effect.name, async () => {
        saw({ type: "vip", name: effect.name, vip: await createVip(api, effect.name, effect.spec) });
      });
    case "update-vip":
      return orMoved(deps, effect, async () => {
        saw({ type: "vip", name: effect.name, vip: await updateVip(api, effect, effect.spec) });
      });
    case "delete-vip":
      return orMoved(deps, effect, () => deleteVip(api, effect));
    case "confirm-service":
      return confirm(deps, key, current);
    case "write-service": {
      if (current === undefined) throw new BerthError("internal", `no Service to write for ${key}`);
      const target = current;
      return orReread(deps, key, async () => {
        const written = await writeService(api, target, effect, deps.nowText());
        saw({ type: "service", key, service: written });
        return written;
      });
    }
    default:
      return assertNever(effect);
  }
}

/** 409 on creation: the address belongs to somebody, who is read so that the next plan knows. */
async function orTaken(deps: ExecutorDeps, name: string, create: () => Promise<void>): Promise<Step> {
  try {
    await create();
    return "done";
  } catch (thrown) {
    if (BerthError.from(thrown).code !== "conflict") throw thrown;
    taken.inc({});
    deps.saw({ type: "vip", name, vip: await readVip(deps.api, name) });
    return "again";
  }
}

/**
 * The VirtualIP changed or went since the snapshot: it is read again and the plan thrown away. A JSON patch whose test fails
 * is answered 422, as is a spec that the API server refuses; whether it was the former, the version tells.
 */
async function orMoved(
  deps: ExecutorDeps,
  effect: { readonly name: string; readonly uid: string; readonly resourceVersion: string },
  write: () => Promise<void>,
): Promise<Step> {
  try {
    await write();
    return "done";
  } catch (thrown) {
    const { code } = BerthError.from(thrown);
    if (code !== "conflict" && code !== "not-found" && code !== "api-refused") throw thrown;
    const vip = await readVip(deps.api, effect.name);
    if (vip?.meta.uid === effect.uid && vip.meta.resourceVersion === effect.resourceVersion) throw thrown;
    deps.saw({ type: "vip", name: effect.name, vip });
    return "again";
  }
}

/** The Service changed or went since the snapshot: it is read again and the plan thrown away. */
async function orReread(deps: ExecutorDeps, key: string, write: () => Promise<Service>): Promise<Step> {
  try {
    return await write();
  } catch (thrown) {
    const { code } = BerthError.from(thrown);
    if (code !== "conflict" && code !== "not-found") throw thrown;
    deps.saw({ type: "service", key, service: await readService(deps.api, nameOf(key)) });
    return "again";
  }
}

async function confirm(deps: ExecutorDeps, key: string, expected: Service | undefined): Promise<Step> {
  const found = await readService(deps.api, nameOf(key));
  if (found?.meta.resourceVersion === expected?.meta.resourceVersion) return "done";
  deps.saw({ type: "service", key, service: found });
  return "again";
}

async function counted(write: string, run: () => Promise<Step>): Promise<Step> {
  try {
    const step = await run();
    writes.inc({ write, result: step === "again" ? "refused" : "ok" });
    return step;
  } catch (thrown) {
    writes.inc({ write, result: BerthError.from(thrown).code });
    throw thrown;
  }
}

function nameOf(key: string): { readonly namespace: string; readonly name: string } {
  const [namespace = "", name = ""] = key.split("/");
  return { namespace, name };
}

/** The addresses that a plan is about to create, to be reserved before its first call. */
export function creations(effects: readonly Effect[]) {
  return effects.flatMap((effect) => {
    const ip = effect.type === "create-vip" ? parseIp(effect.spec.address) : undefined;
    return effect.type === "create-vip" && ip?.ok === true
      ? [{ ip: ip.value, sharingKey: effect.spec.sharingKey ?? "" }]
      : [];
  });
}

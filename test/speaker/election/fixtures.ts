/** States and inputs for the tests of the election: node `a` is this one, `b` and `c` are others. */
import type { Holder, VirtualIP } from "../../../lib/model/virtual-ip.ts";
import type { Candidate } from "../../../speaker/candidates.ts";
import type { Place } from "../../../speaker/desired.ts";
import { initialState, type Step, step } from "../../../speaker/election/machine.ts";
import type { AddressState, Effect, Input, Peer, World } from "../../../speaker/election/types.ts";

export const NOW = 100_000;
export const ADDRESS = "10.0.0.100";
export const MACS: Readonly<Record<string, string>> = {
  a: "02:00:00:00:00:0a",
  b: "02:00:00:00:00:0b",
  c: "02:00:00:00:00:0c",
};
export const FOREIGN = "de:ad:00:00:00:01";

const FRESH: Peer = { instance: "", lease: "fresh", leaving: false, nodeReady: true, nodeExists: true, segments: {} };

export function world(changes: Partial<World> = {}): World {
  return {
    node: "a",
    instance: "ia",
    acting: true,
    actingSinceMs: 0,
    adopted: false,
    apiUp: true,
    stalledMs: Number.NEGATIVE_INFINITY,
    ending: false,
    stopping: false,
    markedMs: Number.NEGATIVE_INFINITY,
    peers: new Map([
      ["a", { ...FRESH, instance: "ia" }],
      ["b", { ...FRESH, instance: "ib" }],
      ["c", { ...FRESH, instance: "ic" }],
    ]),
    segments: {},
    hearing: new Map(),
    wire: new Map(),
    handing: new Map(),
    taking: 0,
    macOwners: new Map(Object.entries(MACS).map(([node, mac]) => [mac, node])),
    nextGeneration: 8,
    appliedGeneration: 7,
    ...changes,
  };
}

export function peer(node: string, changes: Partial<Peer>): Pick<World, "peers"> {
  return { peers: new Map([...world().peers, [node, { ...FRESH, instance: `i${node}`, ...changes }]]) };
}

export function candidate(node: string): Candidate {
  return {
    node,
    instance: `i${node}`,
    interface: "eth0",
    mac: MACS[node] ?? "",
    hears: undefined,
    isolated: false,
    demoted: false,
    preference: 0,
    fault: undefined,
  };
}

/** The candidates in order; node `a` stands as it is in the list. */
export function place(order = "abc", changes: Partial<Place["standing"]> = {}): Place {
  const rule = order.includes("a") ? undefined : "node-selector";
  const reason = changes.rule ?? "node-selector";
  const usable = [{ interface: "eth0", mac: MACS["a"] ?? "" }];
  return {
    ordered: [...order].map(candidate),
    excluded: [..."abc"].filter((node) => !order.includes(node)).map((node) => ({ node, reason })),
    standing: { rule, usable, segments: [["eth0"]], isLocal: false, unusable: undefined, ...changes },
    reporter: order === "",
  };
}

export function holder(node: string, epoch: number, changes: Partial<Holder> = {}): Holder {
  const mac = MACS[node] ?? "";
  const reason = "first-holder";
  return { node, instance: `i${node}`, epoch, since: "", interface: "eth0", mac, from: "", reason, ...changes };
}

export function vip(record?: Holder, changes: Partial<VirtualIP["meta"]> = {}): VirtualIP {
  return {
    meta: {
      name: ADDRESS,
      namespace: "",
      uid: "uid",
      resourceVersion: "1",
      generation: 1,
      creationTimestamp: "",
      deletionTimestamp: undefined,
      labels: {},
      annotations: {},
      finalizers: [],
      ...changes,
    },
    address: ADDRESS,
    pool: "pool",
    services: [],
    l2: { interfaces: [], nodeSelector: undefined, preferred: [] },
    holder: record,
    conditions: [],
  };
}

export interface Play {
  readonly state: AddressState;
  readonly effects: readonly Effect[];
  readonly now: number;
  readonly wakeAt: number;
}

export interface Beat {
  readonly input?: Input;
  readonly afterMs?: number;
  readonly world?: Partial<World>;
  readonly place?: Place;
}

/** Plays the beats one after another; the effects are those of the last one. */
export function play(start: VirtualIP, ...beats: readonly Beat[]): Play {
  let state = initialState(start, NOW);
  let now = NOW;
  let last: Step = { state, effects: [], wakeAt: Number.POSITIVE_INFINITY };
  for (const beat of beats) {
    now += beat.afterMs ?? 0;
    last = step(state, beat.input ?? { type: "tick" }, world(beat.world), beat.place ?? place(), now);
    state = last.state;
  }
  return { state, effects: last.effects, now, wakeAt: last.wakeAt };
}

/** Goes on from a state with one input. */
export function next(from: Play, beat: Beat): Play {
  const now = from.now + (beat.afterMs ?? 0);
  const done = step(from.state, beat.input ?? { type: "tick" }, world(beat.world), beat.place ?? place(), now);
  return { state: done.state, effects: done.effects, now, wakeAt: done.wakeAt };
}

/** One line for what a step did: what is answered, what is under way, what is to be done. */
export function sketch(played: Play): string {
  const { state, effects } = played;
  const parts = [state.serving === undefined ? "silent" : "answers"];
  if (state.handing !== undefined) parts.push(`handing to ${state.handing.to}`);
  if (state.reading !== undefined) parts.push(`reads (${state.reading.why})`);
  if (state.task.kind === "write") parts.push(`${state.task.act} ${state.task.epoch}`);
  else if (state.task.kind !== "none") parts.push(`${state.task.kind} (${state.task.why})`);
  return `${parts.join(", ")} | ${effects.map(effectText).join(", ")}`;
}

function effectText(effect: Effect): string {
  switch (effect.type) {
    case "compare-and-set": {
      const { node, epoch, from, reason } = effect.holder;
      return `write ${node || "nobody"}@${epoch}${from === "" ? "" : ` from ${from}`} ${reason}`;
    }
    case "condition":
      return `${effect.claim.type}=${effect.claim.status} ${effect.claim.reason}`;
    case "moved":
    case "yielded":
      return `${effect.type} ${effect.reason}`;
    case "fence":
      return `fence ${effect.node}`;
    case "missed":
      return `missed by ${effect.by}`;
    default:
      return effect.type;
  }
}

/** The worker's answer to the probe under way. */
export function probed(from: Play, answers: readonly string[], sent = true): Input {
  const { task } = from.state;
  return { type: "probed", id: task.kind === "probe" ? task.id : -1, answers, sent };
}

/** The server's answer to the read under way. */
export function answered(from: Play, found: VirtualIP): Input {
  return { type: "read", id: from.state.reading?.id ?? -1, result: { kind: "found", vip: found } };
}

/**
 * The prober: does anybody answer for this address, or one station? Three questions 100 ms apart, to one station six, and the MACs that answered, 100 ms
 * after the last one or as soon as somebody has answered (a documented departure from the timers of RFC 5227 section
 * 1.1, which would take 4 to 7 s). A question of somebody else is not an answer: in an election all candidates ask.
 */
import { assertNever } from "../lib/runtime/errors.ts";
import { affordableAt, createPacer, type Pacer, refill, spend } from "./pacer.ts";

export const PROBES = 3;
/** To one station alone: it has answered a moment ago, and is not to be thought dead because some frames were lost. */
export const PROBES_TO_ONE = 6;
export const PROBE_INTERVAL_MS = 100;
export const PROBE_FRAMES_PER_SECOND = 500;
const BURST = 10;
/** More questions at once than the addresses of the largest node; the next ones are refused, not queued. */
export const PROBES_MAX = 16_384;
/** Answers kept of one address; a segment on which more than these fight is broken anyway. */
const ANSWERS_MAX = 16;

interface Probe {
  readonly id: number;
  readonly address: string;
  readonly interface: string;
  readonly to: string | undefined;
  readonly asked: number;
  /** When the next question is due, or after the last one, when the probe ends. */
  readonly dueAt: number;
  readonly answers: readonly string[];
}

export interface ProberState {
  /** By id, oldest first. BOUNDED by PROBES_MAX. */
  readonly probes: ReadonlyMap<number, Probe>;
  /** By interface name. BOUNDED by the interfaces with a probe under way. */
  readonly pacers: ReadonlyMap<string, Pacer>;
}

export interface ProbeRequest {
  readonly id: number;
  readonly address: string;
  readonly interface: string;
  /** The MAC that alone is asked; absent: everybody. */
  readonly to?: string | undefined;
}

/** Somebody else, with this MAC, spoke as the owner of the address on that interface. */
export interface ProbeAnswer {
  readonly address: string;
  readonly interface: string;
  readonly mac: string;
  /** It answers a question of the detector, which asks everybody now and then: no sign of the one that alone was probed. */
  readonly toQuestion: boolean;
}

/** Requests and answers come as they were gathered in one turn of the loop, so that a step costs one pass. */
export type ProberInput =
  | { readonly type: "probe"; readonly requests: readonly ProbeRequest[] }
  | { readonly type: "answers"; readonly answers: readonly ProbeAnswer[] }
  /** Questions could not be sent there (or, without a name, frames were lost everywhere): those probes were not made. */
  | { readonly type: "failed"; readonly interface: string | undefined }
  | { readonly type: "tick" };

export type ProberEffect =
  | { readonly type: "ask"; readonly address: string; readonly interface: string; readonly to: string | undefined }
  | {
      readonly type: "probed";
      readonly id: number;
      readonly address: string;
      readonly answers: readonly string[];
      readonly sent: boolean;
    };

export interface ProberStep {
  readonly state: ProberState;
  readonly effects: readonly ProberEffect[];
  readonly wakeAt: number | undefined;
}

export function createProber(): ProberState {
  return { probes: new Map(), pacers: new Map() };
}

/** `now` in monotonic milliseconds. */
export function stepProber(state: ProberState, input: ProberInput, now: number): ProberStep {
  switch (input.type) {
    case "probe":
      return started(state, input.requests, now);
    case "answers":
      return answered(state, input.answers, now);
    case "failed":
      return failed(state, input.interface, now);
    case "tick":
      return ticked(state, now, []);
    default:
      return assertNever(input);
  }
}

function started(state: ProberState, requests: readonly ProbeRequest[], now: number): ProberStep {
  const probes = new Map(state.probes);
  const refused: ProberEffect[] = [];
  for (const { id, address, interface: name, to } of requests) {
    const probe = { id, address, interface: name, to, asked: 0, dueAt: now, answers: [] };
    if (probes.size < PROBES_MAX) probes.set(id, probe);
    else refused.push({ type: "probed", id, address, answers: [], sent: false });
  }
  return ticked({ ...state, probes }, now, refused);
}

function answered(state: ProberState, answers: readonly ProbeAnswer[], now: number): ProberStep {
  const all = macsOf(answers);
  const toProbes = macsOf(answers.filter(({ toQuestion }) => !toQuestion));
  const probes = new Map(state.probes);
  for (const probe of state.probes.values()) {
    const heard = (probe.to === undefined ? all : toProbes).get(`${probe.interface} ${probe.address}`);
    if (heard !== undefined) probes.set(probe.id, { ...probe, answers: [...heard] });
  }
  return ticked({ ...state, probes }, now, []);
}

/** By interface and address. */
function macsOf(answers: readonly ProbeAnswer[]): ReadonlyMap<string, ReadonlySet<string>> {
  const macs = new Map<string, Set<string>>();
  for (const answer of answers) {
    const key = `${answer.interface} ${answer.address}`;
    const known = macs.get(key) ?? new Set();
    if (known.size < ANSWERS_MAX) macs.set(key, known.add(answer.mac));
  }
  return macs;
}

function failed(state: ProberState, name: string | undefined, now: number): ProberStep {
  const probes = new Map(state.probes);
  const effects: ProberEffect[] = [];
  for (const probe of state.probes.values()) {
    if (name !== undefined && probe.interface !== name) continue;
    probes.delete(probe.id);
    effects.push({ type: "probed", id: probe.id, address: probe.address, answers: probe.answers, sent: false });
  }
  return ticked({ ...state, probes }, now, effects);
}

function ticked(state: ProberState, now: number, before: readonly ProberEffect[]): ProberStep {
  const probes = new Map<number, Probe>();
  const pacers = new Map<string, Pacer>();
  const waiting = new Map<string, number>();
  const effects: ProberEffect[] = [...before];
  const wakes: number[] = [];
  for (const probe of state.probes.values()) {
    const name = probe.interface;
    const rested = state.pacers.get(name) ?? createPacer(PROBE_FRAMES_PER_SECOND, BURST, now);
    const pacer = pacers.get(name) ?? refill(rested, now);
    const next = advance(probe, pacer.tokens >= 1, now, effects);
    pacers.set(name, next !== undefined && next.asked > probe.asked ? spend(pacer, 1) : pacer);
    if (next === undefined) continue;
    probes.set(probe.id, next);
    if (next.dueAt > now) wakes.push(next.dueAt);
    else waiting.set(name, (waiting.get(name) ?? 0) + 1);
  }
  for (const [name, pacer] of pacers) {
    const questions = waiting.get(name);
    if (questions !== undefined) wakes.push(affordableAt(pacer, questions));
  }
  const wakeAt = wakes.length === 0 ? undefined : wakes.reduce((first, at) => Math.min(first, at));
  return { state: { probes, pacers }, effects, wakeAt };
}

/** The probe after this moment, or undefined when it has ended; what is to be done is added to `effects`. */
function advance(probe: Probe, affordable: boolean, now: number, effects: ProberEffect[]): Probe | undefined {
  const { id, address, to } = probe;
  const over = probe.asked === (to === undefined ? PROBES : PROBES_TO_ONE) && probe.dueAt <= now;
  if (probe.answers.length > 0 || over) {
    effects.push({ type: "probed", id, address, answers: probe.answers, sent: true });
    return undefined;
  }
  if (probe.dueAt > now || !affordable) return probe;
  effects.push({ type: "ask", address, interface: probe.interface, to });
  return { ...probe, asked: probe.asked + 1, dueAt: now + PROBE_INTERVAL_MS };
}

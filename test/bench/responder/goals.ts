/** What is promised of the responder in docs/responder.md, held against each figure; pure. */
import { type Measured, percentile } from "../figures.ts";
import { SINGLE } from "./plan.ts";

const GENERATOR_PER_SECOND = 200_000;
const REPLIES_PER_SECOND = 150_000;
const ABOVE_KERNEL_US = 40;
/** The smallest thing on the heap takes as much: one for each reply, and what else the worker does meanwhile, is more. */
const HEAP_BYTES = 16;

export const KERNEL_SINGLE = "responder/kernel/1";
const FAST: readonly string[] = ["responder/arp/64", "responder/nd/64"];
const PROMPT: readonly string[] = ["responder/arp/1", "responder/nd/1"];

/** Those of `names`, and what must be measured beside them: what the generator can do, and what the kernel's latency is. */
export function withCompanions(names: ReadonlySet<string>): ReadonlySet<string> {
  const isPrompt = PROMPT.some((name) => names.has(name));
  return new Set([SINGLE.generator, ...names, ...(isPrompt ? [KERNEL_SINGLE] : [])]);
}

/** What a figure did not keep, in words; undefined for one of which nothing is promised. */
export function missedGoals(
  name: string,
  { samples, also = {} }: Measured,
  kernelP50Us = Number.NaN,
): readonly string[] | undefined {
  const median = percentile(samples, 0.5);
  const atLeast = (least: number): readonly string[] => (median >= least ? [] : [`${median}/s, promised ${least}`]);
  const atMost = (value: number, most: number, unit: string): readonly string[] =>
    value <= most ? [] : [`${value} ${unit}, promised ${most} at most`];
  if (name === SINGLE.generator) return atLeast(GENERATOR_PER_SECOND);
  if (FAST.includes(name)) return atLeast(REPLIES_PER_SECOND);
  if (PROMPT.includes(name)) return atMost(also["p50Us"] ?? Number.NaN, kernelP50Us + ABOVE_KERNEL_US, "us");
  if (name !== SINGLE.heap) return undefined;
  return [median, also["nd"] ?? Number.NaN].flatMap((bytes) => atMost(bytes, HEAP_BYTES, "bytes"));
}

/**
 * The small world in full: three nodes, two addresses, every sequence of up to four faults out of crash, freeze, partition, loss of
 * the API and heal, on every node where it matters.
 */

import { IS_FULL } from "../scale.ts";
import { Cluster } from "./cluster.ts";
import { begin } from "./faults.ts";
import { converge } from "./random-run.ts";

/** Longer than anything that follows: only `heal` ends a fault. */
const FOR_EVER_MS = 10_000_000;
/** Long enough for a verdict and a take-over on the wire, short enough for the next fault to come into their middle now and then. */
const SPACING_MS = 700;

/** `make test` goes through all of it, `make check` stops at two. */
export const LENGTH_MAX = IS_FULL ? 4 : 2;
/** Sequences of one file; far fewer would mean that the enumeration is broken. */
export const SEQUENCES_MIN = IS_FULL ? 80 : 5;

export interface Step {
  readonly fault: "crash" | "freeze" | "partition" | "api-down" | "heal";
  /** "" where the fault is one of the whole cluster. */
  readonly node: string;
}

const NODES = ["n1", "n2", "n3"] as const;

/** Each fault on each node; the API server and the healing are nobody's. */
export const STEPS: readonly Step[] = [
  ...(["crash", "freeze", "partition"] as const).flatMap((fault) => NODES.map((node): Step => ({ fault, node }))),
  { fault: "api-down", node: "" },
  { fault: "heal", node: "" },
];

/** Every sequence of exactly so many steps that begins with `first`, without those that say the same in more words. */
export function* sequences(first: Step, length: number): Generator<readonly Step[]> {
  if (length === 1) {
    if (first.fault !== "heal") yield [first];
    return;
  }
  for (const head of sequences(first, length - 1)) {
    for (const step of STEPS) if (!isIdle(head, step)) yield [...head, step];
  }
}

/** A heal of a whole world and a fault that lasts already change nothing: the shorter sequence is the same run. */
function isIdle(head: readonly Step[], step: Step): boolean {
  const healedAt = head.findLastIndex((one) => one.fault === "heal");
  const open = head.slice(healedAt + 1);
  if (step.fault === "heal") return open.length === 0;
  const isDead = open.some((one) => one.fault === "crash" && one.node === step.node);
  if (isDead && (step.fault === "crash" || step.fault === "freeze")) return true;
  return open.some((one) => one.fault === step.fault && one.node === step.node);
}

/** Runs the sequence, heals, and returns what broke the rules. `gone`: so many nodes more, which are off for good, and whose Leases have run out. */
export function runSequence(steps: readonly Step[], gone = 0): readonly string[] {
  const cluster = new Cluster({ seed: 99, nodes: 3 + gone, addresses: 2, hosts: false });
  cluster.run(4_500);
  for (const node of cluster.names.slice(3)) cluster.retire(node);
  if (gone > 0) cluster.run(15_000);
  for (const { fault, node } of steps) {
    if (fault === "heal") cluster.heal();
    else begin(cluster, fault, node, FOR_EVER_MS);
    cluster.run(SPACING_MS);
  }
  cluster.heal();
  converge(cluster);
  const told = steps.map((one) => `${one.fault}${one.node === "" ? "" : ` ${one.node}`}`).join(", ");
  return [...cluster.invariants.violations, ...cluster.invariants.converged()].map((what) => `${told}: ${what}`);
}

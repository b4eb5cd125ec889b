/**
 * On which interfaces this node hears anybody (election.md section 4, E1), as its worker tells it; what the Lease says of it; and what that
 * makes of this node as a candidate.
 */
import type { Batch } from "./batch.ts";
import type { Hearing } from "./election/seen-on-wire.ts";
import type { SpeakerState } from "./state.ts";

const NEVER = Number.NEGATIVE_INFINITY;

type Told = Readonly<Record<string, boolean>>;

/** An interface on which nothing was listened to until now is asked from now on. What was known of the others stays. */
export function hearingOn(
  before: ReadonlyMap<string, Hearing>,
  interfaces: readonly string[],
  now: number,
): ReadonlyMap<string, Hearing> {
  return new Map(
    interfaces.map((name) => [name, before.get(name) ?? { hears: undefined, sinceMs: now, heardMs: NEVER }]),
  );
}

/** `heardMs`: when anybody last answered. */
export function onHearing(batch: Batch, name: string, hears: boolean, heardMs: number): void {
  const { world } = batch.state;
  const known = world.hearing.get(name);
  // Told before the worker knew that nothing is asked there any more.
  if (known === undefined || known.hears === hears) return;
  const hearing = new Map(world.hearing).set(name, { ...known, hears, heardMs });
  batch.state = { ...batch.state, world: { ...world, hearing } };
  batch.clusterChanged = true;
}

/**
 * For the Lease. A process that has heard nobody yet goes on with what its predecessor, or itself before the cable was out, has found out:
 * no restart mends a port. That somebody was heard it must find out itself.
 */
export function hearingTold(state: SpeakerState): Told {
  const former = inLease(state);
  return told(state, (name, hears) => hears ?? isDeaf(former, name));
}

/**
 * For the order of candidates: this node is isolated as soon as it knows it, and until the others can know that it is no longer, or it would
 * find itself first in a line that ends with it for them.
 */
export function ownHearing(state: SpeakerState): Told {
  const former = inLease(state);
  return told(state, (name, hears) => isDeaf(former, name) ?? hears);
}

function told(state: SpeakerState, judge: (name: string, hears: boolean | undefined) => boolean | undefined): Told {
  const all: Record<string, boolean> = {};
  for (const [name, { hears }] of state.world.hearing) {
    const judged = judge(name, hears);
    if (judged !== undefined) all[name] = judged;
  }
  return all;
}

function isDeaf(former: Told, name: string): false | undefined {
  return former[name] === false ? false : undefined;
}

/** What the Lease of this node says, as all see it. */
export function inLease({ peers }: Pick<SpeakerState, "peers">): Told {
  return peers.peers.get(peers.self)?.lease.facts.hearing ?? {};
}

export function sameTold(left: Told, right: Told): boolean {
  return JSON.stringify(left) === JSON.stringify(right);
}

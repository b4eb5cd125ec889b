/** What a speaker makes of the Leases of others: who counts when the sides of a split are weighed (E16). */
import { expect, test } from "@jest/globals";
import { initialPeers, LEASE_EXPIRY_MS, type PeersInput, type PeersState, stepPeers } from "../../lib/lease/peers.ts";
import type { SpeakerLease } from "../../lib/model/speaker-lease.ts";
import type { SpeakerView } from "../../speaker/state.ts";
import { viewSpeakers } from "../../speaker/view.ts";
import { speakerLease } from "../sim/objects.ts";

class Observer {
  now = 0;
  #peers: PeersState = initialPeers("n1", 0);
  #speakers: ReadonlyMap<string, SpeakerView> = new Map();

  tell(input: PeersInput): void {
    this.#peers = stepPeers(this.#peers, input, this.now).state;
    this.look();
  }

  renew(node: string, instance = `i-${node}`): void {
    this.tell({ type: "lease", lease: speakerLease(node, instance, this.now + 1) });
  }

  /** Its own renewals come through the watch, every three seconds. */
  goOn(forMs: number): void {
    for (const until = this.now + forMs; this.now < until; this.now += 3_000) this.renew("n1");
  }

  look(): boolean {
    const { speakers, changed } = viewSpeakers(this.#peers, this.#speakers, this.now);
    this.#speakers = speakers;
    return changed;
  }

  /** The Lease of n2. */
  get seen(): SpeakerLease {
    return this.#speakers.get("n2")?.seen ?? speakerLease("n2", "", 0);
  }

  get counts(): readonly unknown[] {
    const { lease, counts } = this.#speakers.get("n2") ?? {};
    return [lease, counts];
  }
}

function observer(): Observer {
  const one = new Observer();
  one.goOn(3_000);
  one.renew("n2");
  return one;
}

test("a fresh Lease counts, one that has run out does not, and does again when it is renewed", () => {
  const one = observer();
  expect(one.counts).toEqual(["fresh", true]);
  one.goOn(LEASE_EXPIRY_MS + 3_000);
  expect(one.counts).toEqual(["expired", false]);
  one.renew("n2");
  expect(one.counts).toEqual(["fresh", true]);
});

test("a Lease that was given up does not count", () => {
  const one = observer();
  one.now += 1_000;
  one.renew("n2", "");
  expect(one.counts).toEqual(["released", false]);
});

test("one that had run out before the API server was lost does not count in the outage, nor when ages are counted anew", () => {
  const one = observer();
  one.goOn(LEASE_EXPIRY_MS + 3_000);
  one.tell({ type: "pulse-lost" });
  expect(one.counts).toEqual(["fresh", false]);
  one.now += 30_000;
  one.goOn(6_000);
  expect(one.counts).toEqual(["fresh", false]);
  one.renew("n2");
  expect(one.counts).toEqual(["fresh", true]);
  expect(one.look()).toBe(false);
});

test("what another node writes in the Lease of one that had run out does not make it count again", () => {
  const one = observer();
  one.goOn(LEASE_EXPIRY_MS + 3_000);
  one.tell({ type: "pulse-lost" });
  one.tell({
    type: "lease",
    lease: { ...one.seen, fencedBy: "n3/1", meta: { ...one.seen.meta, resourceVersion: "9" } },
  });
  expect(one.counts).toEqual(["fresh", false]);
});

test("one that was fresh before counts on in the outage, whatever has become of its node", () => {
  const one = observer();
  one.tell({ type: "pulse-lost" });
  one.now += 30_000;
  one.look();
  expect(one.counts).toEqual(["fresh", true]);
  one.goOn(LEASE_EXPIRY_MS + 3_000);
  expect(one.counts).toEqual(["expired", false]);
});

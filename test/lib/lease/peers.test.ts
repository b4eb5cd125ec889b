import { describe, expect, test } from "@jest/globals";
import {
  hasMissedRenewal,
  initialPeers,
  isOutage,
  knownPeer,
  LEASE_EXPIRY_MS,
  type LeaseVerdict,
  leaseVerdict,
  type PeersEffect,
  type PeersInput,
  type PeersState,
  stepPeers,
  unchangedMs,
} from "../../../lib/lease/peers.ts";
import { parseSpeakerLease, type SpeakerLease } from "../../../lib/model/speaker-lease.ts";

/** n1 is the observer. Each version is a renewal, unless the test says which one it shows. */
function lease(
  node: string,
  version: number,
  options: { instance?: string; macs?: readonly string[]; renewal?: number; next?: string } = {},
): SpeakerLease {
  const interfaces = (options.macs ?? []).map((mac, index) => ({ name: `eth${index}`, mac, carrier: true }));
  const parsed = parseSpeakerLease({
    metadata: {
      name: `berth-speaker-${node}`,
      resourceVersion: String(version),
      annotations: {
        "berth.dev/interfaces": JSON.stringify(interfaces),
        ...(options.next === undefined ? {} : { "berth.dev/next-instance": options.next }),
      },
    },
    spec: { holderIdentity: options.instance ?? `${node}/1`, renewTime: String(options.renewal ?? version) },
  });
  if (parsed === undefined) throw new Error("no lease");
  return parsed;
}

class Observer {
  state: PeersState = initialPeers("n1", 0);
  now = 0;
  wakeAt: number | undefined;
  effects: PeersEffect["type"][] = [];
  #version = 100;

  input(input: PeersInput): void {
    const step = stepPeers(this.state, input, this.now);
    this.state = step.state;
    this.wakeAt = step.wakeAt;
    this.effects.push(...step.effects.map((effect) => effect.type));
  }
  renewed(...nodes: readonly string[]): void {
    for (const node of nodes) this.input({ type: "lease", lease: lease(node, ++this.#version) });
  }
  /** Lets time pass; every 3 s these nodes renew before the observer's eyes. */
  run(ms: number, ...nodes: readonly string[]): void {
    const end = this.now + ms;
    while (this.now + 3_000 <= end) {
      this.now += 3_000;
      this.renewed(...nodes);
      this.input({ type: "tick" });
    }
    this.now = end;
    this.input({ type: "tick" });
  }
  verdict(node: string): LeaseVerdict {
    return leaseVerdict(this.state, node, this.now);
  }
}

/** n1, n2 and n3 have renewed for a while. */
function atRest(): Observer {
  const observer = new Observer();
  observer.run(30_000, "n1", "n2", "n3");
  return observer;
}

describe("the Leases of the others", () => {
  test("who renews is fresh, who was never seen is absent", () => {
    const observer = atRest();
    expect([observer.verdict("n1"), observer.verdict("n2"), observer.verdict("nx")]).toEqual([
      "fresh",
      "fresh",
      "absent",
    ]);
    expect(observer.effects).toEqual([]);
  });

  test("expired after 10 s without a change, and a renewal missing before that", () => {
    const observer = atRest();
    observer.run(4_500, "n1", "n3");
    expect([hasMissedRenewal(observer.state, "n2", observer.now), observer.verdict("n2")]).toEqual([false, "fresh"]);
    observer.run(1_500, "n1", "n3");
    expect(hasMissedRenewal(observer.state, "n2", observer.now)).toBe(true);
    observer.run(3_999, "n1", "n3");
    expect([observer.verdict("n2"), unchangedMs(observer.state, "n2", observer.now)]).toEqual(["fresh", 9_999]);
    observer.now += 1;
    expect([observer.verdict("n2"), observer.verdict("n3")]).toEqual(["expired", "fresh"]);
  });

  test("it wakes when the first one may have expired", () => {
    const observer = atRest();
    const last = observer.now;
    observer.now += 1_000;
    observer.renewed("n1", "n3");
    expect(observer.wakeAt).toBe(last + LEASE_EXPIRY_MS);
  });

  test("the same version again is no sign of life", () => {
    const observer = atRest();
    const same = observer.state.peers.get("n2")?.lease as SpeakerLease;
    for (let second = 0; second < 11; second++) {
      observer.now += 1_000;
      if (second % 3 === 2) observer.renewed("n1");
      observer.input({ type: "lease", lease: same });
    }
    expect(observer.verdict("n2")).toBe("expired");
  });

  test("what another process writes in it is no sign of life: the name of one that waits, a mark", () => {
    const observer = atRest();
    const last = Number(observer.state.peers.get("n2")?.lease.meta.resourceVersion);
    observer.run(9_000, "n1", "n3");
    observer.input({ type: "lease", lease: lease("n2", 9_000, { renewal: last, next: "n2/2" }) });
    expect([observer.verdict("n2"), unchangedMs(observer.state, "n2", observer.now)]).toEqual(["fresh", 9_000]);
    expect(observer.state.peers.get("n2")?.lease.nextInstance).toBe("n2/2");
    observer.now += 1_000;
    expect(observer.verdict("n2")).toBe("expired");
  });

  test("any other time is a renewal, an earlier one as well: a clock was set, or the store put back; and so is another process", () => {
    const observer = atRest();
    observer.run(9_000, "n1", "n3");
    observer.input({ type: "lease", lease: lease("n2", 9_000, { renewal: 1 }) });
    observer.run(9_000, "n1", "n3");
    expect(observer.verdict("n2")).toBe("fresh");
    observer.input({ type: "lease", lease: lease("n2", 9_001, { renewal: 1, instance: "n2/2" }) });
    observer.run(9_000, "n1", "n3");
    expect(observer.verdict("n2")).toBe("fresh");
  });

  test("E4: after an outage of the observer nobody is dead; the ages start at its own first renewal", () => {
    const observer = atRest();
    observer.now += 3_000;
    observer.input({ type: "pulse-lost" });
    expect(observer.verdict("n2")).toBe("unknown");
    observer.now += 60_000;
    observer.input({ type: "tick" });
    expect([observer.verdict("n2"), isOutage(observer.state, observer.now)]).toEqual(["unknown", true]);
    observer.renewed("n1");
    expect([observer.verdict("n2"), hasMissedRenewal(observer.state, "n2", observer.now)]).toEqual(["unknown", false]);
    observer.run(3_000, "n1", "n3");
    expect([observer.verdict("n2"), observer.verdict("n3")]).toEqual(["unknown", "fresh"]);
    observer.run(6_999, "n1", "n3");
    expect(observer.verdict("n2")).toBe("unknown");
    observer.now += 1;
    expect([observer.verdict("n2"), observer.verdict("n3")]).toEqual(["expired", "fresh"]);
  });

  test("a process that was frozen for a minute judges nobody by it", () => {
    const observer = atRest();
    observer.now += 60_000;
    observer.input({ type: "tick" });
    expect([observer.verdict("n2"), observer.verdict("n3")]).toEqual(["unknown", "unknown"]);
    observer.renewed("n1");
    expect(observer.verdict("n2")).toBe("unknown");
    observer.renewed("n2");
    expect(observer.verdict("n2")).toBe("fresh");
  });

  test("what was expired before an outage is judged anew after it", () => {
    const observer = atRest();
    observer.run(12_000, "n1", "n3");
    expect(observer.verdict("n2")).toBe("expired");
    observer.input({ type: "pulse-lost" });
    observer.now += 5_000;
    observer.renewed("n1");
    expect(observer.verdict("n2")).toBe("unknown");
    observer.run(10_000, "n1", "n3");
    observer.run(2_000, "n1");
    expect(observer.verdict("n2")).toBe("expired");
  });

  test("one that has just started judges nobody for 10 s", () => {
    const observer = new Observer();
    observer.renewed("n2");
    expect(observer.verdict("n2")).toBe("unknown");
    observer.renewed("n1");
    expect(observer.verdict("n2")).toBe("fresh");
    expect(observer.verdict("nx")).toBe("absent");
  });

  test("own renewals that succeed but do not come through the watch: nothing is judged, and the watch is dead", () => {
    const observer = atRest();
    observer.now += 1_000;
    observer.input({ type: "renewed", resourceVersion: "9001" });
    expect(observer.wakeAt).toBe(observer.now + 3_000);
    observer.now += 2_999;
    observer.input({ type: "renewed", resourceVersion: "9002" });
    observer.input({ type: "tick" });
    expect(observer.effects).toEqual([]);
    observer.now += 1;
    observer.input({ type: "tick" });
    expect([observer.effects, observer.verdict("n2")]).toEqual([["watch-dead"], "unknown"]);
    observer.now += 60_000;
    observer.input({ type: "tick" });
    expect([observer.effects, observer.verdict("n2")]).toEqual([["watch-dead"], "unknown"]);
  });

  test("own renewals that come through in time are nothing", () => {
    const observer = atRest();
    for (let round = 0; round < 20; round++) {
      observer.now += 3_000;
      const version = 5_000 + round;
      observer.input({ type: "renewed", resourceVersion: String(version) });
      observer.now += 100;
      observer.input({ type: "lease", lease: lease("n1", version) });
      observer.input({ type: "tick" });
    }
    expect(observer.effects).toEqual([]);
    // The watch may be faster than the answer.
    observer.input({ type: "lease", lease: lease("n1", 6_000) });
    observer.input({ type: "renewed", resourceVersion: "6000" });
    observer.now += 4_000;
    observer.input({ type: "tick" });
    expect(observer.effects).toEqual([]);
  });

  test("a released one is known at once, also in an outage", () => {
    const observer = atRest();
    observer.input({ type: "lease", lease: lease("n2", 9_000, { instance: "" }) });
    observer.input({ type: "pulse-lost" });
    expect(observer.verdict("n2")).toBe("released");
  });

  test("one that was deleted expires like one that does not change, and may come back", () => {
    const observer = atRest();
    observer.input({ type: "gone", node: "n2" });
    expect(observer.verdict("n2")).toBe("unknown");
    observer.run(10_000, "n1", "n3");
    observer.now += 100;
    observer.renewed("n1");
    expect(observer.verdict("n2")).toBe("expired");
    observer.renewed("n2");
    expect(observer.verdict("n2")).toBe("fresh");
  });
});

const MAC = "02:00:00:00:00:02";
const OTHER = "02:00:00:00:00:03";

describe("known MACs", () => {
  function withMac(): Observer {
    const observer = atRest();
    observer.input({ type: "lease", lease: lease("n2", 9_000, { macs: [MAC] }) });
    return observer;
  }

  test("in a Lease: known, for however long", () => {
    const observer = withMac();
    observer.now += 10 * 3_600_000;
    observer.input({ type: "tick" });
    expect([knownPeer(observer.state, MAC, observer.now), knownPeer(observer.state, OTHER, observer.now)]).toEqual([
      "n2",
      undefined,
    ]);
  });

  test("an hour longer than it was there, by time alone, and then it is foreign and forgotten", () => {
    const observer = withMac();
    observer.now += 3_600_000;
    observer.input({ type: "lease", lease: lease("n2", 9_001, { macs: [OTHER] }) });
    observer.now += 3_599_999;
    expect(knownPeer(observer.state, MAC, observer.now)).toBe("n2");
    observer.now += 1;
    expect([knownPeer(observer.state, MAC, observer.now), knownPeer(observer.state, OTHER, observer.now)]).toEqual([
      undefined,
      "n2",
    ]);
    observer.input({ type: "tick" });
    expect([...observer.state.macs.keys()]).toEqual([OTHER]);
  });

  test("a Lease that is gone keeps its MACs for an hour, and is forgotten after it", () => {
    const observer = withMac();
    observer.input({ type: "gone", node: "n2" });
    observer.now += 3_599_999;
    observer.input({ type: "tick" });
    expect(knownPeer(observer.state, MAC, observer.now)).toBe("n2");
    observer.now += 1;
    observer.input({ type: "tick" });
    expect([observer.state.macs.size, observer.state.peers.has("n2"), observer.state.peers.has("n3")]).toEqual([
      0,
      false,
      true,
    ]);
  });

  test("a MAC that moved to another node belongs to that one", () => {
    const observer = withMac();
    observer.input({ type: "lease", lease: lease("n3", 9_002, { macs: [MAC] }) });
    observer.input({ type: "lease", lease: lease("n2", 9_003) });
    expect(knownPeer(observer.state, MAC, observer.now)).toBe("n3");
  });
});

/** The one loop: what goes to the worker and in which order, when nothing happens, and how a speaker goes. */
import { describe, expect, test } from "@jest/globals";
import type { FromWorker } from "../../speaker/net/messages.ts";
import { stepSpeaker } from "../../speaker/speaker.ts";
import {
  initialSpeaker,
  type SpeakerEffect,
  type SpeakerInput,
  type SpeakerState,
  type SpeakerStep,
} from "../../speaker/state.ts";
import { endpointsOn, link, macOf, nodeObject, SERVICE, speakerLease, virtualIP } from "../sim/objects.ts";

const ADDRESS = "10.0.0.100";
const worker = (message: FromWorker): SpeakerInput => ({ type: "worker", message });
const lease = (node: string, revision: number, changes = {}): SpeakerInput => ({
  type: "lease",
  input: { type: "lease", lease: { ...speakerLease(node, `i-${node}`, revision), ...changes } },
});
const facts = (node: string) => ({
  facts: {
    interfaces: [
      { name: "eth0", mac: macOf(node), subnets: ["10.0.0.0/24"], carrier: true, linkLocal: "", address4: "" },
    ],
    proxyReady: true,
    kernelAnswers: [],
    uplinkLost: [],
    segments: {},
    hearing: {},
  },
});
const record = (node: string, epoch: number, from = "") => ({
  ...virtualIP(ADDRESS, 10),
  holder: {
    node,
    instance: `i-${node}`,
    epoch,
    since: "",
    interface: "eth0",
    mac: macOf(node),
    from,
    reason: "first-holder",
  },
});
const seen = (vip: ReturnType<typeof record> | undefined): SpeakerInput => ({ type: "virtual-ip", name: ADDRESS, vip });

/** Everything is known, n1 (this node) and n2 are alive, and this process acts. */
const KNOWN: readonly SpeakerInput[] = [
  worker({ type: "links", links: [link("n1", true)] }),
  { type: "node", name: "n1", node: nodeObject() },
  { type: "node", name: "n2", node: nodeObject() },
  { type: "endpoints", service: SERVICE, endpoints: endpointsOn(["n1", "n2"]) },
  lease("n1", 1, facts("n1")),
  lease("n2", 2, facts("n2")),
  { type: "synced" },
  { type: "own-lease", phase: "acting", adopted: false },
];

function run(...batches: readonly (readonly SpeakerInput[])[]): SpeakerStep & { readonly now: number } {
  let now = 1_000;
  let done: SpeakerStep = { state: initialSpeaker("n1", "i-n1", now), effects: [], wakeAt: 0 };
  for (const batch of batches) {
    now += 10;
    done = stepSpeaker(done.state, batch, now);
  }
  return { ...done, now };
}

function on(state: SpeakerState, now: number, ...inputs: readonly SpeakerInput[]): SpeakerStep {
  return stepSpeaker(state, inputs, now);
}

const names = (effects: readonly SpeakerEffect[]): readonly string[] =>
  effects.map((effect) => (effect.type === "worker" ? effect.message.type : effect.type));

const HOLDING = run([...KNOWN, seen(record("n1", 3))]);

describe("what goes to the worker", () => {
  test("nothing before everything is known: a half-read world excludes the wrong nodes", () => {
    for (let missing = 0; missing < KNOWN.length; missing++) {
      const input = KNOWN[missing];
      if (input?.type !== "synced" && input?.type !== "own-lease" && input?.type !== "worker") continue;
      const partial = run([...KNOWN.filter((one) => one !== input), seen(record("n1", 3))]);
      expect(names(partial.effects)).not.toContain("table");
    }
  });

  test("the interfaces to listen on, the table, and then what is announced under it", () => {
    expect(names(HOLDING.effects)).toEqual(["facts", "listen", "table", "announce", "moved", "watch"]);
    expect(HOLDING.effects[2]).toMatchObject({
      message: { generation: 1, entries: [{ address: ADDRESS, interface: "eth0" }] },
    });
  });

  test("at rest nothing: renewals of others, ticks, nodes that did not change", () => {
    const quiet = on(
      HOLDING.state,
      HOLDING.now + 500,
      lease("n2", 20, facts("n2")),
      { type: "node", name: "n2", node: nodeObject() },
      { type: "tick" },
      worker({ type: "links", links: [link("n1", true)] }),
    );
    expect(quiet.effects).toEqual([]);
    expect(quiet.state.generation).toBe(1);
  });

  test("the condition waits for the worker's word", () => {
    const applied = on(HOLDING.state, HOLDING.now + 1, worker({ type: "applied", generation: 1 }));
    expect(applied.effects).toMatchObject([{ type: "condition", claim: { type: "Announced", status: "True" } }]);
  });

  test("an address that is gone leaves the table, and the state of it goes too", () => {
    const gone = on(HOLDING.state, HOLDING.now + 1, seen(undefined));
    expect(gone.effects).toMatchObject([
      { type: "worker", message: { type: "listen", interfaces: [] } },
      { type: "worker", message: { type: "table", generation: 2, entries: [] } },
      { type: "yielded", reason: "deleted" },
      { type: "worker", message: { type: "watch", plan: { segments: [] } } },
    ]);
    expect([gone.state.addresses.size, gone.state.places.size, gone.state.names.size]).toEqual([0, 0, 0]);
  });

  test("begun and ended in one batch: nothing is announced, and yet the generation moves on", () => {
    const both = run([...KNOWN, seen(record("n2", 3))], [seen(record("n1", 4)), seen(record("n2", 5))]);
    expect(names(both.effects)).toEqual(["table", "yielded"]);
    expect(both.state.table).toEqual([]);
  });

  test("a new address begins with its newest state", () => {
    const both = run(KNOWN, [seen(record("n1", 3)), seen(record("n2", 4))]);
    expect(names(both.effects)).toEqual(["listen", "watch"]);
  });

  test("fenced: an empty table first, then the resume, then a read of each record; what is confirmed is answered", () => {
    const fenced = on(
      HOLDING.state,
      HOLDING.now + 1,
      worker({ type: "fenced", fence: 7, reason: "loop-gap", gapMs: 200 }),
    );
    expect(names(fenced.effects)).toEqual(["table", "resume", "yielded", "read"]);
    expect(fenced.effects[0]).toMatchObject({ message: { entries: [] } });
    const id = fenced.state.addresses.get(ADDRESS)?.reading?.id ?? -1;
    const read: SpeakerInput = { type: "read", name: ADDRESS, id, result: { kind: "found", vip: record("n1", 3) } };
    expect(names(on(fenced.state, HOLDING.now + 5, read).effects)).toEqual(["table", "announce"]);
  });

  test("probes of all addresses have numbers of the node, and their answers find the address", () => {
    const other = { ...virtualIP("10.0.0.101", 11) };
    const start = run(KNOWN, [
      seen(undefined),
      { type: "virtual-ip", name: ADDRESS, vip: virtualIP(ADDRESS, 10) },
      { type: "virtual-ip", name: "10.0.0.101", vip: other },
    ]);
    const later = on(start.state, start.now + 5_000, { type: "tick" });
    const probes = later.effects.flatMap((effect) =>
      effect.type === "worker" && effect.message.type === "probe" ? [effect.message] : [],
    );
    expect(new Set(probes.map((probe) => probe.id)).size).toBe(2);
    const [first] = probes;
    if (first === undefined) throw new Error("no probe");
    const answer = worker({ type: "probed", id: first.id, address: first.address, answers: [], sent: true });
    expect(on(later.state, start.now + 5_300, answer).effects).toMatchObject([
      { type: "compare-and-set", name: first.address, fromEpoch: undefined },
    ]);
  });
});

describe("how a speaker goes", () => {
  const shutdown = on(HOLDING.state, HOLDING.now + 1, { type: "shutdown" });
  const event = (name: "leaving" | "handed-over" | "successor-acting" | "ended"): SpeakerInput => ({
    type: "lease-event",
    event: name,
  });

  test("the heartbeat is asked which way; nothing is given up before", () => {
    expect(shutdown.effects).toEqual([{ type: "heartbeat", input: "shutdown" }]);
  });

  test("leaving: waits for those who read that in the Lease, then hands over, waits for the silence, gives the Lease up, ends", () => {
    const marked = on(shutdown.state, HOLDING.now + 2, event("leaving"));
    expect(marked.effects).toEqual([]);
    const leaving = on(marked.state, HOLDING.now + 1_002, { type: "tick" });
    expect(leaving.effects).toMatchObject([{ type: "compare-and-set", holder: { node: "n2", from: "n1", epoch: 4 } }]);
    const named = on(leaving.state, HOLDING.now + 1_005, {
      type: "written",
      name: ADDRESS,
      epoch: 4,
      result: { kind: "ok", vip: record("n2", 4, "n1") },
    });
    expect(named.effects).toEqual([]);
    const heard = on(
      named.state,
      HOLDING.now + 1_008,
      worker({ type: "heard", address: ADDRESS, interface: "eth0", mac: macOf("n2"), how: "announcement" }),
    );
    expect(names(heard.effects)).toEqual(["table", "yielded"]);
    const silent = on(
      heard.state,
      HOLDING.now + 1_009,
      worker({ type: "applied", generation: heard.state.generation }),
    );
    expect(silent.effects).toEqual([{ type: "heartbeat", input: "release" }]);
    const ended = on(silent.state, HOLDING.now + 1_020, event("ended"));
    expect(ended.effects).toEqual([{ type: "exit", reason: "handed-over" }]);
  });

  test("leaving: a successor that is heard ends it, without a record by this process", () => {
    const marked = on(shutdown.state, HOLDING.now + 2, event("leaving"));
    const heard = on(
      marked.state,
      HOLDING.now + 30,
      worker({ type: "heard", address: ADDRESS, interface: "eth0", mac: macOf("n2"), how: "announcement" }),
    );
    expect(names(heard.effects)).toEqual(["table", "yielded"]);
    const silent = on(heard.state, HOLDING.now + 31, worker({ type: "applied", generation: heard.state.generation }));
    expect(silent.effects).toEqual([{ type: "heartbeat", input: "release" }]);
  });

  test("the next instance takes over: answers on for a second after it acts, and writes nothing", () => {
    const given = on(shutdown.state, HOLDING.now + 2, event("handed-over"));
    // Whoever has given its Lease away takes nothing on the wire either.
    expect(given.state.world.ending).toBe(true);
    const acting = on(given.state, HOLDING.now + 300, event("successor-acting"), event("ended"));
    const late = on(acting.state, HOLDING.now + 1_200, { type: "tick" });
    expect([given.effects, acting.effects, late.effects]).toEqual([[], [], []]);
    expect(late.state.table).toHaveLength(1);
    expect(on(late.state, HOLDING.now + 1_300, { type: "tick" }).effects).toEqual([
      { type: "exit", reason: "lease-given" },
    ]);
  });

  test("the next instance comes to wait after the mark: it gets everything all the same, and nothing is passed on", () => {
    const marked = on(shutdown.state, HOLDING.now + 2, event("leaving"));
    const given = on(marked.state, HOLDING.now + 600, event("handed-over"));
    const acting = on(given.state, HOLDING.now + 700, event("successor-acting"), event("ended"));
    const late = on(acting.state, HOLDING.now + 1_600, { type: "tick" });
    expect([given.effects, acting.effects, late.effects]).toEqual([[], [], []]);
    expect(late.state.table).toHaveLength(1);
    expect(on(late.state, HOLDING.now + 1_700, { type: "tick" }).effects).toEqual([
      { type: "exit", reason: "lease-given" },
    ]);
  });

  test.each([
    ["no API", [{ type: "api", up: false } as SpeakerInput]],
    ["a hand-over nobody answers", []],
  ])("%s: ends after ten seconds all the same", (_name, inputs) => {
    let done = on(shutdown.state, HOLDING.now + 2, ...inputs);
    const reasons: string[] = [];
    for (let afterMs = 250; afterMs <= 13_000; afterMs += 250) {
      done = on(done.state, HOLDING.now + afterMs, { type: "tick" });
      reasons.push(
        ...done.effects.flatMap((effect) => (effect.type === "exit" ? [`${effect.reason} ${afterMs}`] : [])),
      );
    }
    expect(reasons).toEqual(["deadline 10250"]);
  });

  test("another instance in the Lease: silent, and out", () => {
    const lost = on(HOLDING.state, HOLDING.now + 1, { type: "own-lease", phase: "lost", adopted: false });
    expect(names(lost.effects)).toEqual(["exit", "table", "yielded"]);
    expect(lost.state.table).toEqual([]);
  });

  test("a process that only waited goes without a word", () => {
    const waiting = run(KNOWN.filter((one) => one.type !== "own-lease"));
    const asked = on(waiting.state, waiting.now + 1, { type: "shutdown" });
    expect(on(asked.state, waiting.now + 50, event("ended")).effects).toEqual([
      { type: "exit", reason: "handed-over" },
    ]);
    expect(on(asked.state, waiting.now + 1_600, { type: "tick" }).effects).toEqual([
      { type: "exit", reason: "handed-over" },
    ]);
  });
});

describe("a stop of the process (S3)", () => {
  test("a record that waited in the watch meanwhile is read before it is answered", () => {
    const idle = run([...KNOWN, seen(record("n2", 3))]);
    const late = on(idle.state, idle.now + 20_000, seen(record("n1", 4, "n2")));
    expect(names(late.effects)).toEqual(["read"]);
    const prompt = on(idle.state, idle.now + 900, seen(record("n1", 4, "n2")));
    expect(names(prompt.effects)).toEqual(["table", "announce", "moved"]);
  });
});

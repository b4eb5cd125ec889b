/** The frame worker under a flood of hostile frames; see wire.e2e.ts. Needs root. */
import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import { LINE_EVERY_MS } from "../../../speaker/drops.ts";
import { ANNOUNCED_LIMITS, HELD_LIMITS } from "../../../speaker/net/hearing-limit.ts";
import { medianOf } from "../../bench/figures.ts";
import type { AgentMessage } from "./agent.ts";
import {
  attempt,
  buildNamespaces,
  CLIENT_NS,
  FLOOD_NS,
  interfaceIndex,
  NODE_MAC,
  NODE_NS,
  plugFlooder,
  removeNamespaces,
  rest,
  Speaking,
} from "./namespaces.ts";
import { VIP4, VIP6 } from "./questions.ts";

const FLOOD_MS = 3000;
/** A machine on which the main thread never waits longer has a processor for the worker too. */
const STEADY_MS = 50;
const WINDOW_MS = 200;
const SEED = process.env["BERTH_FUZZ_SEED"] ?? "1";
/** Of what passes the bridge (br_netfilter drops some by itself) and the filter in the kernel. */
const REASONS = [
  "nd-checksum",
  "nd-hop-limit",
  "nd-code",
  "nd-option-length",
  "arp-short",
  "unknown-address",
  "not-held-here",
  "heard-not-told",
  "mld-query",
  "mld-checksum",
];
let agent: Speaking<AgentMessage>;

jest.setTimeout(60_000);
beforeAll(async () => {
  buildNamespaces();
  plugFlooder();
  agent = new Speaking(NODE_NS, "test/speaker/net/agent.ts", [], true);
  await agent.heard((m) => m.type === "links");
  const listened = Array.from({ length: 250 }, (_, i) => `203.0.113.${i}`);
  agent.tell(JSON.stringify({ type: "listen", interfaces: ["eth0"], addresses: listened }));
  const entries = [VIP4, VIP6].map((address) => ({ address, interface: "eth0" }));
  agent.tell(JSON.stringify({ type: "table", generation: 1, entries }));
  await agent.heard((m) => m.type === "applied");
});
afterAll(async () => {
  await agent?.end();
  removeNamespaces();
});

/** Replies with the node's MAC; the flood has others in it, but asks for itself. */
const answered = (count: number) =>
  attempt(`ip netns exec ${CLIENT_NS} arping -c ${count} -W 0.2 -w 20 -i eth0 ${VIP4}`).split(`from ${NODE_MAC}`)
    .length - 1;
/** As the speaker does when it has read its records. */
function resume(from: number): void {
  for (const m of agent.messages.slice(from))
    if (m.type === "fenced") agent.tell(JSON.stringify({ type: "resume", fence: m.fence }));
}
/** A machine that does not run the worker for a while costs answers (that is its fence), but not for long. */
async function answersAll(from: number): Promise<boolean> {
  for (let tries = 0; tries < 20; tries++) {
    resume(from);
    await rest(100);
    if (answered(3) >= 3) return true;
  }
  return false;
}
const ticks = async () => {
  const from = agent.messages.length;
  agent.tell(JSON.stringify({ ticks: true }));
  const counted = await agent.heard((m) => m.type === "ticks", from);
  if (counted.type !== "ticks") throw new Error("no ticks");
  return counted;
};
/**
 * Floods through an interface of the flooder's: how much it sent, and of the main thread meanwhile which share of the times of its timer came,
 * by the median of all windows, and how late it was at most.
 */
async function flooded(through: string) {
  const args = [String(interfaceIndex(FLOOD_NS, through)), NODE_MAC, SEED, String(FLOOD_MS)];
  await ticks();
  const flooder = new Speaking<{ readonly sent: number }>(FLOOD_NS, "test/speaker/net/flooder.ts", args);
  await flooder.heard((m) => m.sent === 0);
  const starting = await ticks();
  const windows: { readonly share: number; readonly lateMs: number }[] = [];
  while (flooder.messages.length < 2) {
    await rest(WINDOW_MS);
    windows.push(await ticks());
  }
  const sent = flooder.messages[1]?.sent ?? 0;
  await flooder.end();
  return {
    sent,
    share: medianOf(windows, ({ share }) => share),
    lateMs: Math.max(...[starting, ...windows].map((one) => one.lateMs)),
  };
}
/** How often the main thread was told of each address. */
const told = (from: number, type: "heard" | "announced") => {
  const addresses = agent.messages
    .slice(from)
    .flatMap((m) => (m.type !== type ? [] : m.type === "announced" ? m.entries : [m]))
    .map((m) => m.address);
  return new Map([...Map.groupBy(addresses, (address) => address)].map(([address, all]) => [address, all.length]));
};

test("a flood of hostile frames: answers go on, so does the main thread, and it is told little; each reason is counted, one line logged", async () => {
  expect(await answersAll(0)).toBe(true);
  // The same frames to nobody: what the flooder alone, and whatever else runs here, takes of the processors.
  const beside = await flooded("lo");
  const from = agent.messages.length;
  const began = Date.now();
  const main = await flooded("eth0");
  const seconds = (Date.now() - began) / 1000;
  expect(main.sent).toBeGreaterThan(10_000);

  expect(await answersAll(from)).toBe(true);
  expect(attempt(`ip netns exec ${CLIENT_NS} ndisc6 -1 -r 3 -w 1000 ${VIP6} eth0`).toLowerCase()).toContain(NODE_MAC);
  // The main thread's own timer went on as it does beside such a flood to nobody, and it signed in time.
  expect(main.share).toBeGreaterThan(beside.share / 2);
  const stops = agent.messages.slice(from).filter((m) => m.type === "fenced" || m.type === "failed");
  expect(stops.filter((m) => m.type === "failed" || m.reason === "main-silent")).toEqual([]);
  if (main.lateMs < STEADY_MS) expect(stops).toEqual([]);

  // Each second begins a window of its own, and the flood may touch one more at either end.
  const windows = Math.ceil(seconds) + 2;
  const [heard, announced] = [told(from, "heard"), told(from, "announced")];
  expect([...heard.keys()].sort()).toEqual([VIP4, VIP6]);
  expect(Math.max(...heard.values())).toBeLessThanOrEqual(windows * HELD_LIMITS.perAddress);
  expect(announced.get("203.0.113.7")).toBeGreaterThan(0);
  expect(Math.max(...announced.values())).toBeLessThanOrEqual(windows * ANNOUNCED_LIMITS.perAddress);

  // The requests in the flood that can be answered are answered too, as far as they find room in the queue.
  await agent.heard(
    (m) =>
      m.type === "counters" &&
      (m.counters["replies-sent"] ?? 0) > 100 &&
      REASONS.every((reason) => (m.counters[reason] ?? 0) > 0),
    from,
    25_000,
  );
  await agent.heard((m) => m.type === "logged", from);
  const logged = agent.messages.slice(from).filter((m) => m.type === "logged");
  expect(logged).toHaveLength(1);
  expect(Date.now() - began < LINE_EVERY_MS).toBe(true);
  expect(logged[0]).toMatchObject({
    fields: { frames: { "nd-checksum": expect.any(Number) }, lastSender: { "nd-checksum": expect.any(String) } },
  });
});

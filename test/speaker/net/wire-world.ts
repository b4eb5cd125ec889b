/** What the tests on the wire share: the worker under test, the station that watches it, and questions to ask. */
import type { FromWorker, TableEntry, ToWorker } from "../../../speaker/net/messages.ts";
import { decodeNd, type NdMessage } from "../../../speaker/packet/ndp-codec.ts";
import { hex } from "../packet/fixtures.ts";
import type { AgentMessage } from "./agent.ts";
import { buildNamespaces, CLIENT_NS, interfaceIndex, NODE_NS, removeNamespaces, rest, Speaking } from "./namespaces.ts";
import { ALL, arpRequest } from "./questions.ts";

export { ALL, arpRequest, FREE4, FREE6, frameOf, solicitation, VIP4, VIP4_B, VIP6 } from "./questions.ts";

export interface Frame {
  readonly ready?: true;
  readonly at: number;
  readonly hex: string;
}
export type Of<Type extends FromWorker["type"]> = Extract<FromWorker, { type: Type }>;

export let agent: Speaking<AgentMessage>;
export let station: Speaking<Frame>;
export let generation = 0;

export const say = (message: ToWorker | { readonly block: number } | { readonly ticks: true }) =>
  agent.tell(JSON.stringify(message));

export async function hold(addresses: readonly string[]): Promise<void> {
  generation++;
  const wanted = generation;
  say({ type: "table", generation, entries: addresses.map((address) => ({ address, interface: "eth0" })) });
  await agent.heard((m) => m.type === "applied" && m.generation === wanted);
}

export const isReplyFor = (frame: string, ip: string) =>
  frame.slice(24, 44) === "08060001080006040002" && frame.slice(56, 64) === ip;
/** ARP replies that tell this address, among the frames seen from place `from` on. */
export const repliesFor = (address: string, from: number, since = 0) => {
  const ip = Buffer.from(address.split(".").map(Number)).toString("hex");
  return station.messages.slice(from).filter((f) => f.at >= since && isReplyFor(f.hex, ip));
};
/** Sends the frame and returns what came back about the address within a time in which an answer surely comes. */
export async function askArp(address: string, frame = arpRequest(address)) {
  // Commands block this process, and what the station saw meanwhile arrives late: its clock tells what is new.
  const since = Date.now();
  const from = station.messages.length;
  station.tell(frame);
  await rest(250);
  return repliesFor(address, from, since);
}
export async function askNd(frame: string): Promise<{ readonly to: string; readonly message: NdMessage }[]> {
  const since = Date.now();
  const from = station.messages.length;
  station.tell(frame);
  await rest(250);
  return station.messages.slice(from).flatMap((f) => {
    if (!(f.at >= since)) return [];
    const bytes = hex(f.hex ?? "");
    const nd = decodeNd(bytes, 14, bytes.length);
    return nd.ok && nd.value.type === "advertisement" ? [{ to: f.hex.slice(0, 12), message: nd.value }] : [];
  });
}

/** The namespaces, the worker in one of them and the station in another; the worker holds all three addresses. */
export async function openWire(): Promise<void> {
  if (process.getuid?.() !== 0) throw new Error("this test needs root, for network namespaces");
  buildNamespaces();
  agent = new Speaking(NODE_NS, "test/speaker/net/agent.ts", [], true);
  station = new Speaking(CLIENT_NS, "test/speaker/net/station.ts", [String(interfaceIndex(CLIENT_NS, "eth0"))]);
  await Promise.all([agent.heard((m) => m.type === "links"), station.heard((m) => m.ready === true)]);
  say({ type: "listen", interfaces: ["eth0", "eth1"], addresses: [] });
  await hold(ALL);
}

export async function closeWire(): Promise<void> {
  await agent?.end();
  await station?.end();
  removeNamespaces();
}

/** Confirmed by the worker: exactly these entries are answered for. */
export async function holdEntries(entries: readonly TableEntry[]): Promise<void> {
  generation++;
  const wanted = generation;
  say({ type: "table", generation, entries });
  await agent.heard((m) => m.type === "applied" && m.generation === wanted);
}

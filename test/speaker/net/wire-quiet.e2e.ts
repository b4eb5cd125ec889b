/** Hazard W2: what the detector asks makes the kernel of the holder say nothing. A real kernel that forwards; needs root. */
import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import { writeLivenessProbe } from "../../../speaker/packet/frames.ts";
import { CLIENT_MAC, CLIENT_NS, linkLocalOf, NODE_MAC, NODE_NS, rest, run } from "./namespaces.ts";
import { closeWire, frameOf, openWire, station, VIP6 } from "./wire-world.ts";

jest.setTimeout(30_000);

const QUESTIONS = 20;
const EVERY_MS = 100;
/** The kernel asks three times, a second apart, before it tells that it reaches nobody. */
const GIVES_UP_MS = 4_000;
const FROM_NODE = NODE_MAC.replaceAll(":", "");
/** ICMPv6 types (RFC 4443 and 4861), as the first octet behind Ethernet and IPv6. */
const ADVERTISEMENT = "88";
const LOUD: Readonly<Record<string, string>> = { "01": "unreachable", "87": "solicitation", "89": "redirect" };

beforeAll(async () => {
  await openWire();
  run(`ip netns exec ${NODE_NS} sysctl -qw net.ipv6.conf.all.forwarding=1`);
});
afterAll(closeWire);

/** Asks so many times whether the holder answers for its address; the ICMPv6 types of the frames about it that the node sent. */
async function typesAfterAsking(destination: string): Promise<readonly string[]> {
  const source = linkLocalOf(CLIENT_NS, "eth0");
  const probe = { interface: "eth0", address: VIP6, mac: NODE_MAC, destination, source };
  const question = frameOf((out) => writeLivenessProbe(probe, CLIENT_MAC, out, 0));
  const from = station.messages.length;
  for (let count = 0; count < QUESTIONS; count++) {
    station.tell(question);
    await rest(EVERY_MS);
  }
  await rest(GIVES_UP_MS);
  const address = "20010db8000000000000000000000100";
  return station.messages.slice(from).flatMap(({ hex = "" }) => {
    const isOurs = hex.slice(12, 24) === FROM_NODE && hex.slice(24, 28) === "86dd" && hex.includes(address, 108);
    return isOurs ? [hex.slice(108, 110)] : [];
  });
}

const loudOf = (types: readonly string[]) => [...new Set(types.flatMap((type) => LOUD[type] ?? []))].sort();

test("asked at its link-local address, the holder answers each question, and its kernel says nothing", async () => {
  const types = await typesAfterAsking(linkLocalOf(NODE_NS, "eth0"));
  expect(types.filter((type) => type === ADVERTISEMENT)).toHaveLength(QUESTIONS);
  expect(loudOf(types)).toEqual([]);
});

test("asked at the address itself, its kernel would forward the question, ask for the address, and complain", async () => {
  const types = await typesAfterAsking(VIP6);
  expect(loudOf(types)).toContain("solicitation");
  expect(loudOf(types).length).toBeGreaterThan(1);
});

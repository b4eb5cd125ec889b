/** The uplink check on real interfaces: gateways out of the kernel's routes, real echoes, as nobody with NET_RAW alone. Needs root. */
import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import {
  attempt,
  buildNamespaces,
  CLIENT_NS,
  linkLocalOf,
  NODE_NS,
  removeNamespaces,
  run,
  Speaking,
} from "./namespaces.ts";

jest.setTimeout(60_000);

interface Said {
  readonly lost?: readonly string[];
  readonly asked?: string;
  readonly family?: 4 | 6;
  readonly answered?: boolean;
}

/** A neighbour that is not there, in place of the router: the port is up, ARP is answered, and the way out is broken. */
const NOBODY = "02:00:00:00:00:99";
let agent: Speaking<Said>;

beforeAll(() => {
  if (process.getuid?.() !== 0) throw new Error("this test needs root, for network namespaces");
  buildNamespaces();
});

afterAll(async () => {
  await agent?.end();
  removeNamespaces();
});

async function story(gateway: string, family: 4 | 6): Promise<void> {
  const version = `-${family}`;
  run(`ip -n ${NODE_NS} ${version} route add default via ${gateway} dev eth0`);
  agent = new Speaking(NODE_NS, "test/speaker/net/uplink-agent.ts", [], true);
  await agent.heard((said) => said.asked === "eth0" && said.family === family && said.answered === true);
  run(`ip -n ${NODE_NS} neigh replace ${gateway} lladdr ${NOBODY} dev eth0 nud permanent`);
  await agent.heard((said) => said.lost?.join() === "eth0", 0, 30_000);
  const from = agent.messages.length;
  run(`ip -n ${NODE_NS} neigh del ${gateway} dev eth0`);
  await agent.heard((said) => said.lost?.length === 0, from, 30_000);
  // eth1 has no default route, so there is nobody to ask.
  expect(agent.messages.some((said) => said.asked === "eth1")).toBe(false);
  await agent.end();
  attempt(`ip -n ${NODE_NS} ${version} route del default`);
}

test("a gateway with an IPv4 address: lost when its echoes end, found when they are back", () => story("192.0.2.9", 4));

test("a gateway with a link-local address alone, asked through its interface", () =>
  story(linkLocalOf(CLIENT_NS, "eth0"), 6));

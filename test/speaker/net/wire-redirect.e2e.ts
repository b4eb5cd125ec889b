/** The node's own kernel tells a client the former holder's MAC, and the client is told again (docs/adr/0015). Needs root. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import { processorTimeS } from "../../bench/processor.ts";
import { CLIENT_MAC, CLIENT_NS, NODE_MAC, NODE_NS, rest, run } from "./namespaces.ts";
import { agent, closeWire, openWire, say, station, VIP6 } from "./wire-world.ts";

jest.setTimeout(30_000);

const FORMER = "02:00:00:00:00:dd";
const PORT = 7777;
const children: ChildProcess[] = [];

/** Runs a line of JavaScript in the namespace until the test ends; it says "ready" when it is. */
async function inside(ns: string, code: string): Promise<ChildProcess> {
  const child = spawn("ip", ["netns", "exec", ns, process.execPath, "-e", code], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  children.push(child);
  await once(child.stdout as NonNullable<ChildProcess["stdout"]>, "data");
  return child;
}

beforeAll(async () => {
  await openWire();
  run(`ip netns exec ${NODE_NS} sysctl -qw net.ipv6.conf.all.forwarding=1`);
  // Else the socket of the server would have the segments, though the address is not the node's any more.
  run(`ip netns exec ${NODE_NS} sysctl -qw net.ipv4.ip_early_demux=0`);
  await inside(NODE_NS, `require("net").createServer(() => {}).listen(${PORT}, "::", () => console.log("ready"))`);
});
afterAll(async () => {
  for (const child of children) child.kill("SIGKILL");
  await closeWire();
});

const usedS = (): number => processorTimeS(agent.child.pid ?? 0);
const neighbour = (): string => run(`ip -n ${CLIENT_NS} neigh show ${VIP6}`);

/** A client with a connection to the address, which the node does not have any more. */
async function orphaned(): Promise<ChildProcess> {
  run(`ip -n ${NODE_NS} addr add ${VIP6}/128 dev lo`);
  run(`ip -n ${CLIENT_NS} neigh replace ${VIP6} lladdr ${NODE_MAC} dev eth0 nud reachable`);
  const connect = `const s = require("net").connect(${PORT}, "${VIP6}", () => console.log("ready"))`;
  const client = await inside(CLIENT_NS, `${connect}; s.setNoDelay(); process.stdin.on("data", (d) => s.write(d))`);
  run(`ip -n ${NODE_NS} addr del ${VIP6}/128 dev lo`);
  return client;
}

/** The connection is nobody's any more: what the client sends on it is forwarded by the node's kernel, which then redirects the client. */
async function stray(client: ChildProcess): Promise<void> {
  run(`ip -n ${NODE_NS} neigh replace ${VIP6} lladdr ${FORMER} dev eth0 nud stale`);
  run(`ip -n ${CLIENT_NS} neigh replace ${VIP6} lladdr ${NODE_MAC} dev eth0 nud stale`);
  client.stdin?.write("more\n");
  // Sent again after 200 and 400 ms. A client ignores the redirect that comes while it is in the call that sends.
  await rest(1_000);
}

test("a client that the kernel turned to the former holder is turned back at once", async () => {
  const client = await orphaned();

  // Long after the last announcement redirects are not read: so they do turn the client.
  await stray(client);
  expect(neighbour()).toContain(`lladdr ${FORMER}`);

  say({ type: "announce", address: VIP6, interface: "eth0", reason: "holder-unreachable" });
  // The announcement itself has set the client right; and a client is redirected once a second at most.
  await rest(1_500);
  expect(neighbour()).toContain(`lladdr ${NODE_MAC}`);
  const from = station.messages.length;
  await stray(client);
  expect(neighbour()).toContain(`lladdr ${NODE_MAC}`);
  const toClient = CLIENT_MAC.replaceAll(":", "");
  const isAdvertisement = (hex = "") => hex.startsWith(toClient) && hex.slice(108, 110) === "88";
  expect(station.messages.slice(from).filter(({ hex }) => isAdvertisement(hex)).length).toBeGreaterThanOrEqual(1);
});

test("while nothing may be answered, a redirect that waits to be read does not keep the loop turning", async () => {
  const client = await orphaned();
  say({ type: "announce", address: VIP6, interface: "eth0", reason: "holder-unreachable" });
  await rest(1_500);
  const said = agent.messages.length;
  // The worker answers nothing after 3 s of this.
  say({ block: 7_000 });
  await rest(3_500);
  await stray(client);
  // The redirect has left, and nobody has set the client right.
  expect(neighbour()).toContain(`lladdr ${FORMER}`);
  const before = usedS();
  await rest(1_000);
  expect(usedS() - before).toBeLessThan(0.4);
  expect(await agent.heard((m) => m.type === "fenced", said)).toMatchObject({ reason: "main-silent" });
});

/** The longer faults of the matrix: each breaks something of the victim's, and tells what it saw and how it is mended. */
import { berthNamespace } from "../../e2e/berth.ts";
import { doubleAfterMs, mostWithin, staleAfter } from "./claims.ts";
import { listened } from "./listening.ts";
import { slowApi } from "./loads.ts";
import type { Seen } from "./promises.ts";
import { ns, type Stage, VICTIM } from "./stage.ts";

/** What a broken row leaves behind. */
export interface Broken {
  /** Mends it, after the clients have ended. */
  readonly mend?: () => Promise<void>;
  readonly seen?: Seen;
}

export const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
export const speaker = async ({ berth }: Stage) => ({
  node: VICTIM,
  pod: await berth.speakerOn(VICTIM),
  namespace: berthNamespace,
});

/** Its speaker stands still for so long, while everybody asks it. */
export async function frozen(stage: Stage, forMs: number): Promise<Broken> {
  const { lab } = stage.berth;
  const pod = await speaker(stage);
  const [claims, thawedMs] = await listened(lab, stage.addresses, async () => {
    await lab.freeze(pod);
    await sleep(forMs);
    const now = Date.now();
    // The kubelet may have ended it meanwhile.
    await lab.thaw(pod).catch(() => {});
    await sleep(3_000);
    return now;
  });
  return { seen: { stale: staleAfter(claims, lab.node(VICTIM).mac, thawedMs) } };
}

export async function dieWhole(stage: Stage): Promise<Broken> {
  const { lab } = stage.berth;
  // Found before, killed together: whoever would be asked for them dies as well.
  const own = await lab.processesOf(await speaker(stage));
  for (const { pid } of own) process.kill(pid, "SIGKILL");
  await Promise.all([lab.pullCable(VICTIM), lab.killNodePrograms(VICTIM)]);
  const mend = async (): Promise<void> => {
    await lab.plugCable(VICTIM);
    await lab.restartNodePrograms(VICTIM);
  };
  return { mend };
}

export async function away(stage: Stage): Promise<Broken> {
  const { lab } = stage.berth;
  await lab.stopApiServer();
  await lab.pullCable(VICTIM);
  await sleep(60_000);
  await lab.startApiServer();
  // The takers find out by their next renewal that they can write.
  const recorded = async (): Promise<true | undefined> => ((await stage.holders()).includes(VICTIM) ? undefined : true);
  await lab.waitFor("the records of what was taken meanwhile", recorded, { timeoutMs: 20_000, everyMs: 200 });
  return {};
}

interface NodeObject {
  readonly status: {
    readonly conditions: readonly {
      readonly type: string;
      readonly status: string;
      readonly lastTransitionTime: string;
    }[];
  };
}

/** How many addresses another node took before the victim's Node was NotReady, or although it is not; see `Seen`. */
async function tookEarly({ berth, addresses }: Stage): Promise<number> {
  const { status } = await berth.lab.get<NodeObject>(`/api/v1/nodes/${VICTIM}`);
  const ready = status.conditions.find(({ type }) => type === "Ready");
  // In whole seconds, rounded down: who took it within the same second counts as having waited.
  const lostMs = ready?.status === "True" ? Number.POSITIVE_INFINITY : Date.parse(ready?.lastTransitionTime ?? "");
  const records = await Promise.all(addresses.map(async (address) => (await berth.vip(address)).status?.holder));
  return records.filter((holder) => holder?.node !== VICTIM && !(Date.parse(holder?.since ?? "") >= lostMs)).length;
}

export async function unready(stage: Stage): Promise<Broken> {
  const { berth } = stage;
  await berth.lab.stopProgram(`kubelet-${VICTIM}`);
  await berth.kubectl("wait", "--for=condition=Ready=Unknown", `node/${VICTIM}`, "--timeout=120s");
  await sleep(5_000);
  return { seen: { early: await tookEarly(stage) }, mend: async () => berth.lab.startProgram(`kubelet-${VICTIM}`) };
}

/** Long enough for its Node to turn NotReady. */
export async function cutOff(stage: Stage): Promise<Broken> {
  const { lab } = stage.berth;
  await lab.cutFromApi(VICTIM);
  await sleep(60_000);
  const early = await tookEarly(stage);
  await lab.restoreApi(VICTIM);
  return { seen: { early } };
}

export async function slow({ berth: { lab } }: Stage): Promise<Broken> {
  const end = slowApi(lab);
  await sleep(2_000);
  await lab.pullCable(VICTIM);
  await sleep(5_000);
  await end();
  return {};
}

/** The victim alone on its side; the clients ask on the other one, and both when it is healed. */
export async function split({ berth: { lab }, addresses }: Stage): Promise<Broken> {
  const others = lab.nodes.map(({ name }) => name).filter((name) => name !== VICTIM);
  const [claims, healedMs] = await listened(lab, addresses, async () => {
    await lab.partition([VICTIM], [...others, "cp", "c1", "c2"]);
    await sleep(8_000);
    const now = Date.now();
    await lab.heal();
    await sleep(4_000);
    return now;
  });
  return { seen: { double: doubleAfterMs(claims, healedMs) } };
}

/** A fifth of all frames that a node sends or gets, of each frame once: two cables on its way are not two chances. */
export async function lossy({ berth: { lab } }: Stage): Promise<Broken> {
  const nodes = lab.nodes.map(({ name }) => name);
  const outside = ["cp", ...lab.clients.map(({ name }) => name)];
  const label = "a fifth";
  await lab.addFaults([
    { label, from: nodes, percent: 20 },
    { label, from: outside, to: nodes, percent: 20 },
  ]);
  await sleep(30_000);
  await lab.removeFaults(label);
  return {};
}

/** The pod of the Local Services on the victim is deleted. */
export async function withoutEndpoint({ berth }: Stage): Promise<Broken> {
  const each = "jsonpath={range .items[*]}{.metadata.name} {.spec.nodeName}\n{end}";
  const all = await berth.kubectl("-n", ns, "get", "pods", "-l", "app=local", "-o", each);
  const line = all.split("\n").find((one) => one.endsWith(` ${VICTIM}`));
  await berth.kubectl("-n", ns, "delete", "pod", line?.split(" ")[0] ?? "", "--wait=true");
  return {};
}

export async function withoutAddress(stage: Stage): Promise<Broken> {
  const { lab } = stage.berth;
  const run = (...argv: readonly string[]) => lab.exec(VICTIM, argv);
  const node = lab.node(VICTIM);
  const routes = (await run("ip", "route", "show")).stdout.split("\n").filter((line) => line.includes(" via "));
  const routes6 = (await run("ip", "-6", "route", "show")).stdout.split("\n").filter((line) => line.includes(" via "));
  await Promise.all([
    run("ip", "addr", "del", `${node.ipv4}/24`, "dev", "eth0"),
    run("ip", "addr", "del", `${node.ipv6}/64`, "dev", "eth0"),
  ]);
  const mend = async (): Promise<void> => {
    await run("ip", "addr", "add", `${node.ipv4}/24`, "dev", "eth0");
    await run("ip", "addr", "add", `${node.ipv6}/64`, "dev", "eth0", "nodad");
    for (const line of routes) await run("ip", "route", "replace", ...line.trim().split(/\s+/));
    for (const line of routes6) await run("ip", "-6", "route", "replace", ...line.trim().split(/\s+/));
  };
  return { mend };
}

/** The interface gets another name while it is up; its addresses and routes stay. */
export async function renamed(stage: Stage): Promise<Broken> {
  const { lab } = stage.berth;
  const rename = async (from: string, to: string): Promise<void> => {
    const { code, stderr } = await lab.exec(VICTIM, ["ip", "link", "set", from, "name", to]);
    if (code !== 0) throw new Error(`${from} was not renamed: ${stderr}`);
  };
  await rename("eth0", "lan0");
  await sleep(3_000);
  return { mend: () => rename("lan0", "eth0") };
}

/** What is promised for ten seconds, less what a frame may be late. */
const DEFENCE_MS = 9_900;

/** A foreign host on the segment has the IPv4 addresses as its own and says so. */
export async function claimed(stage: Stage): Promise<Broken> {
  const { lab } = stage.berth;
  const own = stage.addresses.filter((address) => !address.includes(":"));
  // The rounds with which the victim announced what it was handed are no defences.
  await sleep(2_000);
  const [claims, fromMs] = await listened(lab, [], async () => {
    const now = Date.now();
    for (const address of own) {
      await lab.exec("c2", ["ip", "addr", "add", `${address}/32`, "dev", "eth0"]);
      await lab.exec("c2", ["arping", "-c", "2", "-U", "-i", "eth0", "-S", address, address]);
    }
    await sleep(15_000);
    for (const address of own) await lab.exec("c2", ["ip", "addr", "del", `${address}/32`, "dev", "eth0"]);
    await sleep(12_000);
    return now;
  });
  return { seen: { defences: mostWithin(claims, lab.node(VICTIM).mac, fromMs, DEFENCE_MS) } };
}

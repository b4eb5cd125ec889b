/** The longer faults of the matrix: each breaks something of the victim's, and tells what it saw and how it is mended. */
import { berthNamespace, type VipObject } from "../../e2e/berth.ts";
import { doubleAfterMs, longestSilenceMs, staleAfter } from "./claims.ts";
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
  const [claims, { fromMs, thawedMs, toMs }] = await listened(lab, stage.addresses, async () => {
    const fromMs = Date.now();
    await lab.freeze(pod);
    await sleep(forMs);
    const thawedMs = Date.now();
    // The kubelet may have ended it meanwhile.
    await lab.thaw(pod).catch(() => {});
    await sleep(3_000);
    return { fromMs, thawedMs, toMs: Date.now() };
  });
  const stale = staleAfter(claims, lab.node(VICTIM).mac, thawedMs);
  return { seen: { stale, anew: longestSilenceMs(claims, stage.addresses, fromMs, toMs) } };
}

/** The process that acts for the victim, by its Lease. */
async function instance({ berth }: Stage): Promise<string> {
  return (await berth.speakerLease(VICTIM))?.instance ?? "";
}

/** Longer than anybody may wait who resolves an address anew, on a loaded machine too. */
const SILENT_MS = 8_000;
/** So long a silent speaker has to come back. */
const BACK_MS = 2_000;

/** Its speaker is killed, while everybody asks it. The kubelet starts another at once, or later: see `refreshSpeaker`. */
export async function killed(stage: Stage): Promise<Broken> {
  const { lab } = stage.berth;
  const [pod, before] = [await speaker(stage), await instance(stage)];
  const [claims, { fromMs, backMs, toMs }] = await listened(lab, stage.addresses, async () => {
    const fromMs = Date.now();
    await lab.kill(pod);
    let backMs = Number.POSITIVE_INFINITY;
    for (; Date.now() < fromMs + SILENT_MS; await sleep(50))
      if (backMs > SILENT_MS && (await instance(stage)) !== before) backMs = Date.now() - fromMs;
    return { fromMs, backMs, toMs: Date.now() };
  });
  const anew = longestSilenceMs(claims, stage.addresses, fromMs, toMs);
  return { seen: { anew, hasty: backMs <= BACK_MS ? (await recordsOfOthers(stage)).length : 0 } };
}

type HolderRecord = NonNullable<VipObject["status"]>["holder"];

/** The records that do not name the victim. */
async function recordsOfOthers({ berth, addresses }: Stage): Promise<readonly HolderRecord[]> {
  const records = await Promise.all(addresses.map(async (address) => (await berth.vip(address)).status?.holder));
  return records.filter((holder) => holder?.node !== VICTIM);
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
async function tookEarly(stage: Stage): Promise<number> {
  const { status } = await stage.berth.lab.get<NodeObject>(`/api/v1/nodes/${VICTIM}`);
  const ready = status.conditions.find(({ type }) => type === "Ready");
  // In whole seconds, rounded down: who took it within the same second counts as having waited.
  const lostMs = ready?.status === "True" ? Number.POSITIVE_INFINITY : Date.parse(ready?.lastTransitionTime ?? "");
  const taken = await recordsOfOthers(stage);
  return taken.filter((holder) => !(Date.parse(holder?.since ?? "") >= lostMs)).length;
}

const notReady = ({ berth }: Stage): Promise<string> =>
  berth.kubectl("wait", "--for=condition=Ready=Unknown", `node/${VICTIM}`, "--timeout=120s");

export async function unready(stage: Stage): Promise<Broken> {
  const { berth } = stage;
  await berth.lab.stopProgram(`kubelet-${VICTIM}`);
  await notReady(stage);
  await sleep(5_000);
  return { seen: { early: await tookEarly(stage) }, mend: async () => berth.lab.startProgram(`kubelet-${VICTIM}`) };
}

/** Until its Node is not Ready and the others have found that. */
export async function cutOff(stage: Stage): Promise<Broken> {
  const { lab } = stage.berth;
  await lab.cutFromApi(VICTIM);
  await notReady(stage);
  await sleep(10_000);
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

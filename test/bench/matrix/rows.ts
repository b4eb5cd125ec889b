/** The rows of the fault matrix: what happens to the node that holds every address, and what may come of it. */
import { berthNamespace } from "../../e2e/berth.ts";
import type { Lab } from "../../lab/lab.ts";
import { busy, slowApi } from "./loads.ts";
import { ns, type Stage, VICTIM } from "./stage.ts";

/**
 * "planned": moved, and no new connection fails. "graceful": none fails, moved or not. "moved": moved. "stays": nothing moves.
 * "either": as the fault's length has it.
 */
export type Expectation = "planned" | "graceful" | "moved" | "stays" | "either";

export interface Row {
  readonly name: string;
  readonly runs: number;
  readonly expects: Expectation;
  /** Breaks it; what it returns mends it, after the clients have ended. */
  readonly break: (stage: Stage) => Promise<() => Promise<void>>;
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const nothing = async (): Promise<void> => {};
const speaker = async ({ berth }: Stage) => ({
  node: VICTIM,
  pod: await berth.speakerOn(VICTIM),
  namespace: berthNamespace,
});

async function frozen(stage: Stage, forMs: number): Promise<() => Promise<void>> {
  const pod = await speaker(stage);
  await stage.berth.lab.freeze(pod);
  await sleep(forMs);
  // The kubelet may have ended it meanwhile.
  await stage.berth.lab.thaw(pod).catch(() => {});
  await sleep(3_000);
  return nothing;
}

async function dieWhole(stage: Stage): Promise<() => Promise<void>> {
  const { lab } = stage.berth;
  // Found before, killed together: whoever would be asked for them dies as well.
  const own = await lab.processesOf(await speaker(stage));
  for (const { pid } of own) process.kill(pid, "SIGKILL");
  await Promise.all([lab.pullCable(VICTIM), lab.killNodePrograms(VICTIM)]);
  return async () => {
    await lab.plugCable(VICTIM);
    await lab.restartNodePrograms(VICTIM);
  };
}

async function away(stage: Stage): Promise<() => Promise<void>> {
  const { lab } = stage.berth;
  await lab.stopApiServer();
  await lab.pullCable(VICTIM);
  await sleep(60_000);
  await lab.startApiServer();
  return nothing;
}

async function unready(stage: Stage): Promise<() => Promise<void>> {
  const { lab, kubectl } = { lab: stage.berth.lab, kubectl: stage.berth.kubectl.bind(stage.berth) };
  await lab.stopProgram(`kubelet-${VICTIM}`);
  await kubectl("wait", "--for=condition=Ready=Unknown", `node/${VICTIM}`, "--timeout=120s");
  await sleep(5_000);
  return async () => lab.startProgram(`kubelet-${VICTIM}`);
}

async function withoutAddress(stage: Stage): Promise<() => Promise<void>> {
  const { lab } = stage.berth;
  const run = (...argv: readonly string[]) => lab.exec(VICTIM, argv);
  const node = lab.node(VICTIM);
  const routes = (await run("ip", "route", "show")).stdout.split("\n").filter((line) => line.includes(" via "));
  const routes6 = (await run("ip", "-6", "route", "show")).stdout.split("\n").filter((line) => line.includes(" via "));
  await Promise.all([
    run("ip", "addr", "del", `${node.ipv4}/24`, "dev", "eth0"),
    run("ip", "addr", "del", `${node.ipv6}/64`, "dev", "eth0"),
  ]);
  return async () => {
    await run("ip", "addr", "add", `${node.ipv4}/24`, "dev", "eth0");
    await run("ip", "addr", "add", `${node.ipv6}/64`, "dev", "eth0", "nodad");
    for (const line of routes) await run("ip", "route", "replace", ...line.trim().split(/\s+/));
    for (const line of routes6) await run("ip", "-6", "route", "replace", ...line.trim().split(/\s+/));
  };
}

/** The interface gets another name while it is up; its addresses and routes stay. */
async function renamed(stage: Stage): Promise<() => Promise<void>> {
  const { lab } = stage.berth;
  const rename = async (from: string, to: string): Promise<void> => {
    const { code, stderr } = await lab.exec(VICTIM, ["ip", "link", "set", from, "name", to]);
    if (code !== 0) throw new Error(`${from} was not renamed: ${stderr}`);
  };
  await rename("eth0", "lan0");
  await sleep(3_000);
  return () => rename("lan0", "eth0");
}

/** A foreign host on the segment has the IPv4 addresses as its own and says so. */
async function claimed(stage: Stage): Promise<() => Promise<void>> {
  const { lab } = stage.berth;
  const own = stage.addresses.filter((address) => !address.includes(":"));
  for (const address of own) {
    await lab.exec("c2", ["ip", "addr", "add", `${address}/32`, "dev", "eth0"]);
    await lab.exec("c2", ["arping", "-c", "2", "-U", "-i", "eth0", "-S", address, address]);
  }
  await sleep(15_000);
  for (const address of own) await lab.exec("c2", ["ip", "addr", "del", `${address}/32`, "dev", "eth0"]);
  await sleep(12_000);
  return nothing;
}

const allNodes = (lab: Lab): readonly string[] => lab.nodes.map(({ name }) => name);

export const rows: readonly Row[] = [
  {
    name: "cable",
    runs: 100,
    expects: "moved",
    break: async ({ berth }) => {
      await berth.lab.pullCable(VICTIM);
      return nothing;
    },
  },
  { name: "node", runs: 20, expects: "moved", break: dieWhole },
  {
    name: "kill",
    runs: 20,
    expects: "either",
    break: async (stage) => {
      await stage.berth.lab.kill(await speaker(stage));
      await sleep(5_000);
      return nothing;
    },
  },
  { name: "freeze-1", runs: 20, expects: "stays", break: (stage) => frozen(stage, 1_000) },
  { name: "freeze-5", runs: 20, expects: "moved", break: (stage) => frozen(stage, 5_000) },
  { name: "freeze-60", runs: 5, expects: "moved", break: (stage) => frozen(stage, 60_000) },
  {
    name: "sigterm",
    runs: 20,
    expects: "planned",
    break: async (stage) => {
      const { berth } = stage;
      await berth.kubectl("-n", berthNamespace, "delete", "pod", await berth.speakerOn(VICTIM), "--wait=false");
      return nothing;
    },
  },
  {
    name: "rollout",
    runs: 20,
    expects: "stays",
    break: async ({ berth }) => {
      await berth.kubectl("-n", berthNamespace, "rollout", "restart", "daemonset/berth-speaker");
      await berth.ready();
      return nothing;
    },
  },
  {
    name: "drain",
    runs: 20,
    expects: "graceful",
    break: async ({ berth }) => {
      await berth.kubectl("drain", VICTIM, "--ignore-daemonsets", "--delete-emptydir-data", "--force", "--timeout=60s");
      return async () => {
        await berth.kubectl("uncordon", VICTIM);
      };
    },
  },
  {
    name: "exclude",
    runs: 20,
    expects: "planned",
    break: async ({ berth }) => {
      const label = "node.kubernetes.io/exclude-from-external-load-balancers";
      await berth.kubectl("label", "node", VICTIM, `${label}=`);
      return async () => {
        await berth.kubectl("label", "node", VICTIM, `${label}-`);
      };
    },
  },
  { name: "notready", runs: 5, expects: "either", break: unready },
  { name: "api-down", runs: 5, expects: "moved", break: away },
  {
    name: "api-slow",
    runs: 20,
    expects: "moved",
    break: async (stage) => {
      const end = slowApi(stage.berth.lab);
      await sleep(2_000);
      await stage.berth.lab.pullCable(VICTIM);
      await sleep(5_000);
      await end();
      return nothing;
    },
  },
  {
    name: "api-cut",
    runs: 5,
    expects: "either",
    break: async ({ berth }) => {
      await berth.lab.cutFromApi(VICTIM);
      await sleep(60_000);
      await berth.lab.restoreApi(VICTIM);
      return nothing;
    },
  },
  {
    name: "split",
    runs: 20,
    expects: "moved",
    break: async ({ berth: { lab } }) => {
      const rest = [...allNodes(lab).filter((name) => name !== VICTIM), "cp", "c1", "c2"];
      await lab.partition([VICTIM], rest);
      await sleep(8_000);
      await lab.heal();
      await sleep(4_000);
      return nothing;
    },
  },
  {
    name: "local-endpoint",
    runs: 20,
    expects: "graceful",
    break: async ({ berth }) => {
      const all = await berth.kubectl(
        "-n",
        ns,
        "get",
        "pods",
        "-l",
        "app=local",
        "-o",
        "jsonpath={range .items[*]}{.metadata.name} {.spec.nodeName}\n{end}",
      );
      const pod =
        all
          .split("\n")
          .find((line) => line.endsWith(` ${VICTIM}`))
          ?.split(" ")[0] ?? "";
      await berth.kubectl("-n", ns, "delete", "pod", pod, "--wait=true");
      return nothing;
    },
  },
  { name: "iface", runs: 20, expects: "moved", break: withoutAddress },
  { name: "iface-renamed", runs: 20, expects: "either", break: renamed },
  { name: "foreign", runs: 20, expects: "stays", break: claimed },
  {
    name: "loss-20",
    runs: 20,
    expects: "stays",
    break: async ({ berth: { lab } }) => {
      const nodes = allNodes(lab);
      for (const node of nodes) await lab.lose(node, 20);
      await sleep(30_000);
      for (const node of nodes) await lab.lose(node, 0);
      return nothing;
    },
  },
  {
    name: "cpu",
    runs: 20,
    expects: "stays",
    break: async () => {
      await busy(2, 30);
      return nothing;
    },
  },
];

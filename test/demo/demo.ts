/**
 * `make demo`: a Service gets its address, an outside client uses it, the node that answers is cut off, the address lives
 * on. Everything shown is real output of a real cluster, which stays up afterwards.
 */
import { Berth, target } from "../e2e/berth.ts";
import { attach, type Lab, startLab } from "../lab/lab.ts";
import { sourceDir } from "../lab/paths.ts";
import { readState, standingOf } from "../lab/state.ts";

const examples = `${sourceDir}../../examples`;
const startedAt = performance.now();

function say(line: string): void {
  console.log(`${((performance.now() - startedAt) / 1000).toFixed(1).padStart(6)} s  ${line}`);
}

function heading(text: string): void {
  console.log(`\n── ${text}`);
}

async function show(berth: Berth, ...args: readonly string[]): Promise<void> {
  console.log(`$ kubectl ${args.join(" ")}`);
  console.log((await berth.kubectl(...args)).trimEnd());
}

async function ask(lab: Lab, address: string): Promise<void> {
  const url = `http://${target(address)}/`;
  const answer = await lab.exec("c1", ["curl", "-sS", "--max-time", "5", url], { timeoutMs: 10_000 });
  console.log(`client c1$ curl ${url}\n${(answer.stdout || answer.stderr).trimEnd()}`);
}

async function lab(): Promise<Lab> {
  if (standingOf(readState()) === "kept") {
    say("a lab is up already; using it");
    const running = attach();
    await running.heal();
    return running;
  }
  return startLab({ keep: true, say });
}

/** Pods elsewhere, so that what is seen is the way of the address and not a pod that died with its node. */
async function podsBeside(berth: Berth, node: string): Promise<void> {
  await berth.kubectl("cordon", node);
  const here = ["-l", "app=hello", "--field-selector", `spec.nodeName=${node}`];
  await berth.kubectl("delete", "pod", ...here, "--wait=true", "--grace-period=1", "--timeout=60s");
  await berth.rollout("hello");
}

async function failover(berth: Berth, address: string): Promise<void> {
  const holder = await berth.holder(address);
  await podsBeside(berth, holder);
  heading(`Failover: ${holder} holds ${address}; its cable is pulled while c1 opens a connection every 10 ms`);
  const client = berth.lab.connect("c1", target(address));
  await client.untilOk(100);
  await ask(berth.lab, address);
  await berth.lab.pullCable(holder);
  say(`cable of ${holder} pulled`);
  const next = await berth.holder(address, (node) => node !== holder, 60_000);
  say(`${next} holds ${address} now`);
  await client.untilOk(100, 60_000);
  const summary = await client.finish();
  await ask(berth.lab, address);
  await show(berth, "get", "vip");
  console.log(
    `\nThe client waited ${Math.round(summary.longestGapMs)} ms. ` +
      `Of ${summary.attempts} new connections ${summary.failed} failed, all of them in that time.`,
  );
  await berth.lab.plugCable(holder);
  await berth.kubectl("uncordon", holder);
  say(`cable of ${holder} plugged in again; the address stays with ${next}`);
}

async function main(): Promise<void> {
  const running = await lab();
  const berth = new Berth(running);
  say("installing Berth: its image on every node, then deploy/berth.yaml");
  await berth.install();
  say("Berth is ready: two controllers, a speaker on every node");
  await running.apply(`${examples}/first-pool.yaml`);
  await running.apply(`${examples}/first-service.yaml`);
  await berth.rollout("hello");
  const addresses = await berth.addresses("hello", 2);
  for (const address of addresses) await berth.holder(address);

  heading("A Service of type LoadBalancer has its addresses (examples/first-pool.yaml, examples/first-service.yaml)");
  await show(berth, "get", "svc", "hello");
  await show(berth, "get", "ipp");
  await show(berth, "get", "vip");
  heading("A client outside the cluster reaches them");
  for (const address of addresses) {
    await berth.reached("c1", target(address));
    await ask(running, address);
  }
  await failover(berth, addresses[0] ?? "");

  heading("The cluster stays up. Look around:");
  console.log(`  export KUBECONFIG=${running.kubeconfigPath} PATH=${running.kubectlPath.replace(/\/kubectl$/, "")}:$PATH
  kubectl get vip -w
  kubectl -n berth-system get pods -o wide
  kubectl describe ipp first
  npx node test/lab/cli.ts exec c1 -- arping -c 3 -i eth0 ${addresses[0]}
  npx node test/lab/cli.ts pull n2          (and: plug n2)
End it:
  make lab-down`);
}

await main();

import { spawn } from "node:child_process";
import { Command, InvalidArgumentError, Option } from "commander";
import { BerthError } from "../../lib/runtime/errors.ts";
import { attach, type Lab, startLab, stopLab } from "./lab.ts";
import { defaultOptions, type ProxyMode } from "./plan.ts";
import { inNamespace } from "./run.ts";
import { deadPrograms } from "./start.ts";
import { readState, standingOf } from "./state.ts";

function integer(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError("not a whole number");
  return Number(text);
}

function describe(lab: Lab): string {
  const stations = [lab.controlPlane, ...lab.nodes, ...lab.clients].map(
    ({ name, kind, ipv4, ipv6, mac }) =>
      `  ${name.padEnd(4)} ${kind.padEnd(14)} ${ipv4.padEnd(12)} ${ipv6.padEnd(10)} ${mac}`,
  );
  return `${stations.join("\n")}
kube-proxy mode ${lab.options.proxyMode}; logs in ${lab.logDir}
Use it:
  ${lab.kubectlPath} get nodes -o wide        (or KUBECONFIG=${lab.kubeconfigPath})
  npx node test/lab/cli.ts exec c1 -- curl http://10.99.0.200/
  npx node test/lab/cli.ts pull n2              (and: plug n2)
End it:
  make lab-down`;
}

/** A leading "--", by which a person marks where a command begins, is not part of it. */
function commandOf(words: readonly string[]): readonly string[] {
  return words[0] === "--" ? words.slice(1) : words;
}

async function inherit(argv: readonly string[]): Promise<void> {
  const [file = "", ...rest] = argv;
  const child = spawn(file, rest, { stdio: "inherit" });
  process.exitCode = await new Promise<number>((resolve, reject) => {
    child.on("error", reject).on("close", (code) => resolve(code ?? 1));
  });
}

interface UpFlags {
  readonly nodes: number;
  readonly clients: number;
  readonly proxy: ProxyMode;
  readonly taint: boolean;
}

async function up(flags: UpFlags): Promise<void> {
  const options = { nodes: flags.nodes, clients: flags.clients, proxyMode: flags.proxy, controlPlaneNode: flags.taint };
  const lab = await startLab({ ...options, keep: true });
  console.log(`The lab is up.\n${describe(lab)}`);
}

function statusText(): string {
  const state = readState();
  const standing = standingOf(state);
  if (standing === "none") return "No lab is up.";
  if (standing === "left-over") return "A lab was cut off; the next start, or `make lab-down`, sweeps it away.";
  const whose = standing === "kept" ? "kept until it is taken down" : `belongs to process ${state?.owner?.pid}`;
  if (state?.phase !== "up") return `A lab is being started, ${whose}.`;
  const dead = deadPrograms();
  const note = dead.length === 0 ? "" : ` NOT running: ${dead.join(", ")}.`;
  return `A lab is up, ${whose}.${note}\n${describe(attach())}`;
}

const program = new Command("lab")
  .description("A real Kubernetes cluster in network namespaces of this machine (needs root)")
  .enablePositionalOptions();

program
  .command("up")
  .description("start the lab and leave it running")
  .option("--nodes <number>", "nodes n1, n2, …", integer, defaultOptions.nodes)
  .option("--clients <number>", "outside clients c1, c2, …", integer, defaultOptions.clients)
  .addOption(new Option("--proxy <mode>", "how kube-proxy works").choices(["nftables", "iptables"]).default("nftables"))
  .option("--no-taint", "let n1 be a plain node, without the control-plane label and taint")
  .action(up);
program.command("down").description("end the lab and remove all of it").action(stopLab);
program
  .command("status")
  .description("say whether a lab is up, and how to use it")
  .action(() => console.log(statusText()));
program
  .command("exec <station> <command...>")
  .description("run a command in the network of n1…, c1…, cp or switch")
  .passThroughOptions()
  .action((station: string, command: string[]) =>
    inherit(inNamespace(attach().namespaceOf(station), commandOf(command))),
  );
program
  .command("pull <station>")
  .description("pull a cable")
  .action((name: string) => attach().pullCable(name));
program
  .command("plug <station>")
  .description("plug a cable in again")
  .action((name: string) => attach().plugCable(name));
program
  .command("heal")
  .description("plug all cables, end all faults of the switch")
  .action(() => attach().heal());
program
  .command("load-image <archive>")
  .description("load a docker-archive or OCI archive into all nodes")
  .action((archive: string) => attach().loadImage(archive));
program
  .command("kubectl [arguments...]")
  .description("run kubectl as the cluster's admin")
  .helpOption(false)
  .allowUnknownOption()
  .passThroughOptions()
  .action((args: string[]) => inherit([attach().kubectlPath, ...args]));

try {
  await program.parseAsync();
} catch (thrown) {
  console.error(`lab: ${BerthError.from(thrown).message}`);
  process.exitCode = 1;
}

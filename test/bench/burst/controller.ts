/** The controller as it is shipped: the built image's program and Node, the manifest's flags, user and rights. */
import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { imageEnvironment, rootTree, userId } from "../../../scripts/image/names.ts";
import { waitFor } from "../../lab/run.ts";
import { type ApiServer, mortal } from "./api-server.ts";
import { sumOfMetric } from "./plan.ts";

const METRICS = "http://127.0.0.1:7472/metrics";

/** The image's Node with the manifest's flags, and the rest of the command: the program. */
export async function shippedNode(server: ApiServer): Promise<{ node: readonly string[]; program: string }> {
  const parts = (await server.controllerCommand()).map((part) => (part.startsWith("/") ? join(rootTree, part) : part));
  return { node: parts.slice(0, -1), program: parts.at(-1) ?? "" };
}

export class MeasuredController {
  readonly #child: ChildProcess;
  #said: string[] = [];

  private constructor(argv: readonly string[]) {
    const [command = "", ...args] = argv;
    this.#child = spawn(command, args, {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...imageEnvironment, PATH: process.env["PATH"], POD_NAME: "bench", POD_UID: crypto.randomUUID() },
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding("utf8").on("data", (text: string) => {
        this.#said = [...this.#said, text].slice(-20);
      });
    }
  }

  static async start(server: ApiServer): Promise<MeasuredController> {
    const { node, program } = await shippedNode(server);
    const id = String(userId);
    const user = ["--reuid", id, "--regid", id, "--clear-groups", "--bounding-set=-all", "--no-new-privs"];
    // The Node options of the caller are the profiler's, if anybody wants a profile.
    const extra = (process.env["BERTH_BENCH_NODE_FLAGS"] ?? "").split(" ").filter((flag) => flag !== "");
    const argv = [...mortal(user), ...node, ...extra, program, "--kubeconfig", server.controllerKubeconfig];
    return new MeasuredController(argv);
  }

  /** Throws with its last words when it has ended. */
  get pid(): number {
    const { pid, exitCode, signalCode } = this.#child;
    if (pid === undefined || exitCode !== null || signalCode !== null) {
      throw new Error(`the controller has ended: ${this.#said.join("")}`);
    }
    return pid;
  }

  /** Waits until it leads, has gone over so many Services and found each with its address, and has nothing more to do. */
  async settled(services: number): Promise<void> {
    const settled = async (): Promise<true | undefined> => {
      if (this.pid === 0) return undefined;
      const metrics = await (await fetch(METRICS)).text();
      const leads = sumOfMetric(metrics, "berth_leader") === 1;
      const passes = sumOfMetric(metrics, "berth_service_passes_total", 'outcome="assigned"');
      const pools = sumOfMetric(metrics, "berth_reconcile_total");
      return leads && pools > 0 && passes >= services && sumOfMetric(metrics, "berth_queue_depth") === 0
        ? true
        : undefined;
    };
    await waitFor("the controller to have nothing to do", settled, { timeoutMs: 120_000, everyMs: 20 });
  }

  /** Ends it in order: it gives its Lease back. */
  async stop(): Promise<void> {
    const { exitCode, signalCode } = this.#child;
    if (exitCode !== null || signalCode !== null) return;
    const exited = new Promise((resolve) => this.#child.once("exit", resolve));
    this.#child.kill("SIGTERM");
    await exited;
  }
}

/**
 * A real API server with an empty store, in whatever network namespace this process is in: etcd and kube-apiserver of the
 * lab's build with the lab's flags, Berth's manifest applied, and nothing else of a cluster: no controller manager, no
 * scheduler, no node.
 */
import { type ChildProcess, spawn } from "node:child_process";
import {
  chmodSync,
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { root } from "../../../scripts/image/names.ts";
import { controlPlanePrograms } from "../../lab/control-plane.ts";
import { createCredentials } from "../../lab/credentials.ts";
import type { ClusterPlaces } from "../../lab/paths.ts";
import { defaultOptions, outsideLink, planLab } from "../../lab/plan.ts";
import { must, waitFor } from "../../lab/run.ts";
import { processorTimeS } from "../processor.ts";

const NAMESPACE = "berth-system";
const POOL = {
  apiVersion: "berth.dev/v1alpha1",
  kind: "IPPool",
  metadata: { name: "bench" },
  spec: { addresses: ["10.128.0.0/16"] },
};

/** A line for each request of the controller's account, as it comes in (Kubernetes documentation, "Auditing"). */
const AUDIT_POLICY = {
  apiVersion: "audit.k8s.io/v1",
  kind: "Policy",
  omitStages: ["ResponseStarted", "ResponseComplete", "Panic"],
  rules: [{ level: "Metadata", users: [`system:serviceaccount:${NAMESPACE}:berth-controller`] }, { level: "None" }],
};

const CRD_REST_MS = 3_000;
/** Processor time of etcd and API server in a second with nothing to do. */
const IDLE_S = 0.25;

const plan = planLab(defaultOptions);

/** A command that is killed when the process that started it ends, however it ends. */
export function mortal(argv: readonly string[]): string[] {
  return ["setpriv", "--pdeathsig", "KILL", ...argv];
}

/** The addresses that certificates and flags name, on the loopback of the network namespace that this process is in. */
export async function prepareNamespace(): Promise<void> {
  const addresses = [plan.controlPlane.ipv4, plan.controlPlane.ipv6, outsideLink.controlPlane];
  await must(["ip", "link", "set", "lo", "up"]);
  for (const address of addresses) await must(["ip", "addr", "add", address, "dev", "lo"]);
}

export class ApiServer {
  readonly #cluster: string;
  readonly #directory: string;
  readonly #places: ClusterPlaces;
  readonly #children: ChildProcess[] = [];

  private constructor(cluster: string) {
    this.#cluster = cluster;
    this.#directory = mkdtempSync(join(tmpdir(), "berth-bench-"));
    // The controller, which is somebody else than root, finds its kubeconfig here; the keys have a directory of their own.
    chmodSync(this.#directory, 0o755);
    this.#places = {
      pkiDir: join(this.#directory, "pki"),
      dataDir: join(this.#directory, "data"),
      kubeconfigPath: join(this.#directory, "admin.kubeconfig"),
    };
  }

  /** `cluster` is the lab's binary (test/lab/toolchain.ts). Call `prepareNamespace` once before. An audit log costs time. */
  static async start(cluster: string, { isAudited = false } = {}): Promise<ApiServer> {
    const server = new ApiServer(cluster);
    try {
      await server.#start(isAudited ? server.#auditFlags() : []);
      return server;
    } catch (thrown) {
      await server.stop();
      throw thrown;
    }
  }

  /** Of the administrator, whom the API server's flow control lets pass. */
  get adminKubeconfig(): string {
    return this.#places.kubeconfigPath;
  }

  /** With the rights that deploy/berth.yaml gives the controller, and readable for everybody. */
  get controllerKubeconfig(): string {
    return join(this.#directory, "controller.kubeconfig");
  }

  async kubectl(args: readonly string[], input?: string): Promise<string> {
    const argv = [this.#cluster, "kubectl", `--kubeconfig=${this.adminKubeconfig}`, ...args];
    return must(argv, { timeoutMs: 60_000, ...(input === undefined ? {} : { input }) });
  }

  /** The command of the manifest's controller, as it stands in the container. */
  async controllerCommand(): Promise<readonly string[]> {
    const path = "-ojsonpath={.spec.template.spec.containers[0].command}";
    return JSON.parse(await this.kubectl(["-n", NAMESPACE, "get", "deployment", "berth-controller", path]));
  }

  metrics(): Promise<string> {
    return this.kubectl(["get", "--raw", "/metrics"]);
  }

  /** What the controller's account has asked for so far; nothing unless the server is audited. */
  audit(): readonly string[] {
    const path = this.#auditLog;
    return existsSync(path) ? readFileSync(path, "utf8").trimEnd().split("\n") : [];
  }

  async stop(): Promise<void> {
    for (const child of this.#children.reverse()) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const exited = new Promise((resolve) => child.once("exit", resolve));
      child.kill("SIGKILL");
      await exited;
    }
    rmSync(this.#directory, { recursive: true, force: true });
  }

  get #auditLog(): string {
    return join(this.#directory, "audit.log");
  }

  #auditFlags(): readonly string[] {
    const policy = join(this.#directory, "audit.json");
    writeFileSync(policy, JSON.stringify(AUDIT_POLICY));
    return [`--audit-policy-file=${policy}`, `--audit-log-path=${this.#auditLog}`];
  }

  async #start(serverFlags: readonly string[]): Promise<void> {
    mkdirSync(this.#places.dataDir);
    await createCredentials(plan, this.#places);
    for (const { name, argv } of controlPlanePrograms(plan, this.#cluster, this.#places).first) {
      const log = openSync(join(this.#directory, `${name}.log`), "a");
      const [command = "", ...args] = mortal(name === "kube-apiserver" ? [...argv, ...serverFlags] : argv);
      this.#children.push(spawn(command, args, { stdio: ["ignore", log, log] }));
      closeSync(log);
    }
    const ready = async (): Promise<true> => {
      await this.kubectl(["get", "--raw", "/readyz"]);
      await this.kubectl(["get", "namespace", "default"]);
      return true;
    };
    await waitFor("the API server", ready, { timeoutMs: 120_000 }).catch((thrown) => {
      throw new Error(`the API server does not start: ${this.#lastWords()}`, { cause: thrown });
    });
    await this.kubectl(["apply", "--server-side", "-f", join(root, "deploy/berth.yaml")]);
    await this.kubectl(["wait", "--for=condition=Established", "crd", "--all", "--timeout=60s"]);
    const pool = async (): Promise<true> => {
      await this.kubectl(["apply", "--server-side", "-f", "-"], JSON.stringify(POOL));
      return true;
    };
    await waitFor("the pool", pool, { timeoutMs: 60_000 });
    await this.#writeControllerKubeconfig();
    await this.#rest();
  }

  /**
   * For two seconds from the moment a CRD is established every creation of its objects sleeps for two seconds, and for some
   * seconds more the API server is busy with its schemas: nothing that happens in the life of a cluster.
   */
  async #rest(): Promise<void> {
    await sleep(CRD_REST_MS);
    const idle = async (): Promise<true | undefined> => {
      const used = (): number => this.#children.reduce((sum, { pid = 0 }) => sum + processorTimeS(pid), 0);
      const before = used();
      await sleep(1_000);
      return used() - before < IDLE_S ? true : undefined;
    };
    await waitFor("the API server to come to rest", idle, { timeoutMs: 60_000 });
  }

  async #writeControllerKubeconfig(): Promise<void> {
    const token = await this.kubectl(["-n", NAMESPACE, "create", "token", "berth-controller", "--duration=2h"]);
    const admin = JSON.parse(readFileSync(this.adminKubeconfig, "utf8"));
    const user = admin.users[0].name;
    const config = { ...admin, users: [{ name: user, user: { token: token.trim() } }] };
    writeFileSync(this.controllerKubeconfig, JSON.stringify(config), { mode: 0o644 });
  }

  #lastWords(): string {
    return readFileSync(join(this.#directory, "kube-apiserver.log"), "utf8").slice(-2_000);
  }
}

import { homedir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** One lab per machine: its directories are fixed, so that the next run finds what a cut-off one left. */
export const runDir = "/run/berth-lab";
export const dataDir = "/var/lib/berth-lab";
/** Kept after the lab is gone, emptied when the next one starts. */
export const logDir = "/var/log/berth-lab";

export const statePath = join(runDir, "state.json");
export const faultsPath = join(runDir, "faults.json");
export const programsDir = join(runDir, "programs");
export const pkiDir = join(runDir, "pki");
export const kubeconfigPath = join(runDir, "kubeconfig");
export const kubectlPath = join(runDir, "kubectl");

/** Where one cluster keeps what its control plane runs on. */
export interface ClusterPlaces {
  /** Keys, certificates and the kubeconfigs of its programs. */
  readonly pkiDir: string;
  readonly dataDir: string;
  /** The administrator's. */
  readonly kubeconfigPath: string;
}

export const labPlaces: ClusterPlaces = { pkiDir, dataDir, kubeconfigPath };

export const sourceDir = fileURLToPath(new URL(".", import.meta.url));

export interface NodePaths {
  readonly dir: string;
  readonly stateDir: string;
  readonly socket: string;
  readonly cniDir: string;
  readonly kubeletDir: string;
}

/** Where one node keeps its containerd and kubelet. */
export function nodePaths(node: string): NodePaths {
  const dir = join(dataDir, node);
  return {
    dir,
    stateDir: join(runDir, node),
    socket: join(runDir, node, "containerd.sock"),
    cniDir: join(dir, "cni"),
    kubeletDir: join(dir, "kubelet"),
  };
}

/** Where built binaries and images are kept between labs and between clones. */
export function cacheDir(environment: NodeJS.ProcessEnv = process.env): string {
  return join(environment["XDG_CACHE_HOME"] || join(homedir(), ".cache"), "berth", "lab");
}

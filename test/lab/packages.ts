import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { BerthError } from "../../lib/runtime/errors.ts";
import { run, searchPath } from "./run.ts";
import type { Say } from "./toolchain.ts";

/** What the lab runs from Debian: a file of each package, by absolute path or looked for on the PATH. */
const neededFiles: Readonly<Record<string, string>> = {
  containerd: "containerd",
  runc: "runc",
  "containernetworking-plugins": "/usr/lib/cni/bridge",
  nftables: "nft",
  iptables: "iptables",
  iproute2: "ip",
  conntrack: "conntrack",
  arping: "arping",
  ndisc6: "ndisc6",
  tcpdump: "tcpdump",
  curl: "curl",
  "iputils-ping": "ping",
  ethtool: "ethtool",
  openssl: "openssl",
};

/** Packages of which nothing is installed; `exists` is asked for absolute paths. Pure. */
export function missingPackages(directories: readonly string[], exists: (path: string) => boolean): string[] {
  const found = (file: string): boolean =>
    file.startsWith("/") ? exists(file) : directories.some((directory) => exists(join(directory, file)));
  return Object.entries(neededFiles)
    .filter(([, file]) => !found(file))
    .map(([name]) => name);
}

/** Installs with apt-get what is missing, and nothing when all is there. BerthError "os" says what to install by hand. */
export async function ensurePackages(say: Say): Promise<void> {
  const missing = missingPackages(searchPath.split(delimiter), existsSync);
  if (missing.length === 0) return;
  say(`installing Debian packages: ${missing.join(" ")}`);
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  const update = await run(["apt-get", "update", "-q"], { env, timeoutMs: 300_000 });
  const install = ["apt-get", "install", "-q", "-y", "--no-install-recommends", ...missing];
  const done = update.code === 0 ? await run(install, { env, timeoutMs: 600_000 }) : update;
  if (done.code === 0) return;
  throw new BerthError(
    "os",
    `the lab needs the packages ${missing.join(" ")}; apt-get said: ${done.stderr.slice(-1000)}`,
  );
}

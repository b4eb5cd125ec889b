/** `burst/…` and `restart/…`: runs inside.ts in a network namespace that lives no longer than the bench. */
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { searchPath } from "../../lab/run.ts";
import { prepareToolchain } from "../../lab/toolchain.ts";
import { mortal } from "./api-server.ts";

/** Takes the wanted figures; a line of each goes to standard output. */
export async function measureBurst(wanted: ReadonlySet<string>): Promise<void> {
  if (process.getuid?.() !== 0) throw new Error("bursts are measured as root, for a network namespace");
  const { cluster } = await prepareToolchain((line) => console.error(`bench: ${line}`));
  const inside = fileURLToPath(new URL("inside.ts", import.meta.url));
  // A namespace without a name: it is gone with the last process in it, and each of those ends with the one that started it.
  // All of it goes before most of what else runs on the machine, without silencing that. Where sessions share the processor
  // (sched(7), "The autogroup feature"), it is the session that has to go first.
  const first = [
    "setsid",
    "sh",
    "-c",
    'echo -10 2>/dev/null >/proc/self/autogroup; exec "$@"',
    "sh",
    "nice",
    "-n",
    "-10",
  ];
  const argv = mortal([...first, "unshare", "--net", process.execPath, inside, cluster, ...wanted]);
  const [command = "", ...args] = argv;
  const child = spawn(command, args, { stdio: "inherit", env: { ...process.env, PATH: searchPath } });
  const code = await new Promise((resolve, reject) => child.on("error", reject).on("exit", resolve));
  if (code !== 0) throw new Error(`the bursts ended with ${code}`);
}

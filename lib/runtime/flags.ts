/** The flags that both programs have, each also an environment variable; and what flags are parsed with. */
import { type Command, InvalidArgumentError, Option } from "commander";
import { LOG_LEVELS, type LogLevel } from "./log.ts";

export interface CommonFlags {
  readonly namespace: string;
  readonly podName: string;
  readonly podUid: string;
  readonly kubeconfig: string | undefined;
  readonly logLevel: LogLevel;
  readonly healthHost: string;
  readonly healthPort: number;
}

/** Adds the common flags. `podUid` says what the program uses the uid for. */
export function addCommonFlags(
  command: Command,
  program: { readonly podUid: string; readonly healthPort: number },
): Command {
  return command
    .addOption(
      new Option("--namespace <name>", "namespace of the Leases, Berth's own (downward API: metadata.namespace)")
        .env("POD_NAMESPACE")
        .default("berth-system")
        .argParser(nonEmpty),
    )
    .addOption(
      new Option("--pod-name <name>", "name of this pod, for events (downward API: metadata.name)")
        .env("POD_NAME")
        .default(""),
    )
    .addOption(
      new Option("--pod-uid <uid>", `uid of this pod, ${program.podUid} (downward API: metadata.uid)`)
        .env("POD_UID")
        .default(""),
    )
    .addOption(
      new Option("--kubeconfig <file>", "kubeconfig; without it the pod's service account").env("BERTH_KUBECONFIG"),
    )
    .addOption(
      new Option("--log-level <level>", "least severe level that is logged")
        .env("BERTH_LOG_LEVEL")
        .choices([...LOG_LEVELS])
        .default("info"),
    )
    .addOption(
      new Option("--health-host <address>", "address for /healthz, /readyz and /metrics; all of them when empty")
        .env("BERTH_HEALTH_HOST")
        .default(""),
    )
    .addOption(
      new Option("--health-port <port>", "port for /healthz, /readyz and /metrics")
        .env("BERTH_HEALTH_PORT")
        .default(program.healthPort)
        .argParser((text) => wholeNumber(text, 1, 65_535)),
    )
    .allowExcessArguments(false);
}

export function nonEmpty(text: string): string {
  if (text.trim() === "") throw new InvalidArgumentError("It must not be empty.");
  return text;
}

export function trueOrFalse(text: string): boolean {
  if (text !== "true" && text !== "false") throw new InvalidArgumentError("It must be true or false.");
  return text === "true";
}

/** At most five digits. */
export function wholeNumber(text: string, least: number, most: number): number {
  const number = Number(text);
  if (!/^\d{1,5}$/.test(text) || number < least || number > most) {
    throw new InvalidArgumentError(`It must be a whole number from ${least} to ${most}.`);
  }
  return number;
}

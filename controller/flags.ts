/** What the controller is told at its start: flags, each also an environment variable. */
import { Command, InvalidArgumentError, Option } from "commander";
import type { LogLevel } from "../lib/runtime/log.ts";

const LOG_LEVELS: readonly LogLevel[] = ["debug", "info", "warn", "error", "silent"];

export interface ControllerFlags {
  readonly namespace: string;
  readonly podName: string;
  readonly podUid: string;
  readonly classLess: boolean;
  readonly concurrency: number;
  readonly kubeconfig: string | undefined;
  readonly logLevel: LogLevel;
  readonly healthHost: string;
  readonly healthPort: number;
}

export function controllerCommand(): Command {
  return new Command("controller")
    .description(
      "Berth's controller: gives Services of type LoadBalancer their addresses from the IPPools. One of its replicas is active.",
    )
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
      new Option(
        "--pod-uid <uid>",
        "uid of this pod, part of its identity in the leader's Lease (downward API: metadata.uid)",
      )
        .env("POD_UID")
        .default(""),
    )
    .addOption(
      new Option(
        "--class-less <true|false>",
        "whether Services without loadBalancerClass get addresses; with false only those of the class berth.dev/l2 do",
      )
        .env("BERTH_CLASS_LESS")
        .default(true)
        .argParser(yesNo),
    )
    .addOption(
      new Option("--concurrency <count>", "how many Services, VirtualIPs and pools are worked on at once")
        .env("BERTH_CONCURRENCY")
        .default(16)
        .argParser((text) => wholeNumber(text, 1, 256)),
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
        .default(7472)
        .argParser((text) => wholeNumber(text, 1, 65_535)),
    )
    .allowExcessArguments(false);
}

/** Reads flags and environment. Help and errors are written by commander, which then ends the process. */
export function readControllerFlags(argv: readonly string[], command: Command = controllerCommand()): ControllerFlags {
  return command.parse([...argv]).opts<ControllerFlags>();
}

function nonEmpty(text: string): string {
  if (text.trim() === "") throw new InvalidArgumentError("It must not be empty.");
  return text;
}

function yesNo(text: string): boolean {
  if (text !== "true" && text !== "false") throw new InvalidArgumentError("It must be true or false.");
  return text === "true";
}

function wholeNumber(text: string, least: number, most: number): number {
  const number = Number(text);
  if (!/^\d{1,5}$/.test(text) || number < least || number > most) {
    throw new InvalidArgumentError(`It must be a whole number from ${least} to ${most}.`);
  }
  return number;
}

/** What the controller is told at its start: flags, each also an environment variable. */
import { Command, InvalidArgumentError, Option } from "commander";
import { LOG_LEVELS, type LogLevel } from "../lib/runtime/log.ts";

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

/** The program's command line; commander reads the environment itself. */
export function controllerCommand(): Command {
  return new Command("controller")
    .description(
      "Berth's controller: gives addresses out of IPPools to Services of type LoadBalancer. One replica acts, the others wait.",
    )
    .addOption(
      new Option("--namespace <name>", "namespace of Berth's Leases, its own (downward API: metadata.namespace)")
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
        "--class-less <boolean>",
        "whether Services without loadBalancerClass are Berth's; false leaves them to another load balancer",
      )
        .env("BERTH_CLASS_LESS")
        .default(true)
        .argParser(trueOrFalse),
    )
    .addOption(
      new Option("--concurrency <number>", "how many Services and addresses are worked on at once")
        .env("BERTH_CONCURRENCY")
        .default(16)
        .argParser(concurrency),
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
        .argParser(port),
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

function trueOrFalse(text: string): boolean {
  if (text !== "true" && text !== "false") throw new InvalidArgumentError("It must be true or false.");
  return text === "true";
}

function concurrency(text: string): number {
  const number = Number(text);
  if (!/^\d{1,3}$/.test(text) || number < 1 || number > 256) {
    throw new InvalidArgumentError("It must be a number from 1 to 256.");
  }
  return number;
}

function port(text: string): number {
  const number = Number(text);
  if (!/^\d{1,5}$/.test(text) || number < 1 || number > 65_535) {
    throw new InvalidArgumentError("It must be a port from 1 to 65535.");
  }
  return number;
}

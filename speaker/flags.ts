/** What the speaker is told at its start: flags, each also an environment variable. */
import { Command, InvalidArgumentError, Option } from "commander";
import type { LogLevel } from "../lib/runtime/log.ts";

const LOG_LEVELS: readonly LogLevel[] = ["debug", "info", "warn", "error", "silent"];

export interface SpeakerFlags {
  readonly nodeName: string;
  readonly namespace: string;
  readonly podName: string;
  readonly podUid: string;
  readonly kubeconfig: string | undefined;
  readonly logLevel: LogLevel;
  readonly healthHost: string;
  readonly healthPort: number;
}

/** The program's command line. `env` in place of the process's for tests: commander reads `process.env` itself. */
export function speakerCommand(): Command {
  return new Command("speaker")
    .description(
      "Berth's speaker: one per node. Takes part in the election of each address and answers ARP and neighbour discovery for those it won.",
    )
    .addOption(
      new Option("--node-name <name>", "name of this node's Node object (downward API: spec.nodeName)")
        .env("NODE_NAME")
        .makeOptionMandatory()
        .argParser(nonEmpty),
    )
    .addOption(
      new Option(
        "--namespace <name>",
        "namespace of the speakers' Leases, Berth's own (downward API: metadata.namespace)",
      )
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
        "uid of this pod, so that a restarted container knows its own predecessor (downward API: metadata.uid)",
      )
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
        .default(7473)
        .argParser(port),
    )
    .allowExcessArguments(false);
}

/** Reads flags and environment. Help and errors are written by commander, which then ends the process. */
export function readSpeakerFlags(argv: readonly string[], command: Command = speakerCommand()): SpeakerFlags {
  return command.parse([...argv]).opts<SpeakerFlags>();
}

function nonEmpty(text: string): string {
  if (text.trim() === "") throw new InvalidArgumentError("It must not be empty.");
  return text;
}

function port(text: string): number {
  const number = Number(text);
  if (!/^\d{1,5}$/.test(text) || number < 1 || number > 65_535) {
    throw new InvalidArgumentError("It must be a port from 1 to 65535.");
  }
  return number;
}

/** What the speaker is told at its start: flags, each also an environment variable. */
import { Command, Option } from "commander";
import { addCommonFlags, type CommonFlags, nonEmpty, trueOrFalse } from "../lib/runtime/flags.ts";

export interface SpeakerFlags extends CommonFlags {
  readonly nodeName: string;
  readonly uplinkCheck: boolean;
}

/** The program's command line. Commander reads `process.env` itself. */
export function speakerCommand(): Command {
  const command = new Command("speaker")
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
        "--uplink-check <true|false>",
        "ask the default gateway of each interface every second by ICMP echo; a node whose gateway stops answering hands its addresses to one whose gateway answers",
      )
        .env("BERTH_UPLINK_CHECK")
        .default(false)
        .argParser(trueOrFalse),
    );
  const podUid = "so that a restarted container knows its own predecessor";
  return addCommonFlags(command, { podUid, healthPort: 7473 });
}

/** Reads flags and environment. Help and errors are written by commander, which then ends the process. */
export function readSpeakerFlags(argv: readonly string[], command: Command = speakerCommand()): SpeakerFlags {
  return command.parse([...argv]).opts<SpeakerFlags>();
}

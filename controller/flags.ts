/** What the controller is told at its start: flags, each also an environment variable. */
import { Command, Option } from "commander";
import { addCommonFlags, type CommonFlags, trueOrFalse, wholeNumber } from "../lib/runtime/flags.ts";

export interface ControllerFlags extends CommonFlags {
  readonly classLess: boolean;
  readonly concurrency: number;
}

/** The program's command line. Commander reads `process.env` itself. */
export function controllerCommand(): Command {
  const command = new Command("controller")
    .description(
      "Berth's controller: gives Services of type LoadBalancer their addresses from the IPPools. One of its replicas is active.",
    )
    .addOption(
      new Option(
        "--class-less <true|false>",
        "whether Services without loadBalancerClass get addresses; with false only those of the class berth.dev/l2 do",
      )
        .env("BERTH_CLASS_LESS")
        .default(true)
        .argParser(trueOrFalse),
    )
    .addOption(
      new Option("--concurrency <count>", "how many Services, VirtualIPs and pools are worked on at once")
        .env("BERTH_CONCURRENCY")
        .default(32)
        .argParser((text) => wholeNumber(text, 1, 256)),
    );
  return addCommonFlags(command, { podUid: "part of its identity in the leader's Lease", healthPort: 7472 });
}

/** Reads flags and environment. Help and errors are written by commander, which then ends the process. */
export function readControllerFlags(argv: readonly string[], command: Command = controllerCommand()): ControllerFlags {
  return command.parse([...argv]).opts<ControllerFlags>();
}

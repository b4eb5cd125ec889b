import { fileURLToPath } from "node:url";
import { must } from "../../lab/run.ts";
import { goProgram } from "../../lab/toolchain.ts";
import { FIRST } from "./cluster.ts";
import type { Asked } from "./plan.ts";
import { ASKERS, asking, KERNEL_ADDRESS, NODE_MAC } from "./world.ts";

/** One line of the generator; the times are milliseconds of the machine's clock. */
export interface Told {
  readonly sent: number;
  readonly replies: number;
  readonly lost: number;
  readonly perSecond: number;
  readonly p50Us: number;
  readonly p99Us: number;
  readonly beganMs: number;
  readonly endedMs: number;
}

export interface Ask {
  readonly asked: Asked;
  readonly addresses: number;
  /** 0: frames are sent without waiting for any answer. */
  readonly inFlight: number;
  /** 0: each address is asked for once. */
  readonly forMs: number;
}

/** The program that asks, test/bench/generator. It is built once and kept outside the clone. */
export class Generator {
  readonly #path: string;

  private constructor(path: string) {
    this.#path = path;
  }

  static async build(): Promise<Generator> {
    const directory = fileURLToPath(new URL("../generator", import.meta.url));
    return new Generator(await goProgram(directory, "generator", (line) => console.error(`bench: ${line}`)));
  }

  async ask({ asked, addresses, inFlight, forMs }: Ask): Promise<Told> {
    const first = asked === "kernel" ? KERNEL_ADDRESS : FIRST[asked === "arp" ? 4 : 6];
    const argv = [
      this.#path,
      ...[
        "-interface",
        asked === "kernel" ? "eth1" : "eth0",
        "-source",
        ASKERS[asked === "nd-unicast" ? "nd" : asked],
        "-first",
        first,
      ],
      ...["-count", String(addresses), "-in-flight", String(inFlight), "-for", `${forMs}ms`],
      ...(asked === "nd-unicast" ? ["-unicast", NODE_MAC] : []),
    ];
    return JSON.parse(await must(asking(argv), { timeoutMs: forMs + 60_000 })) as Told;
  }
}

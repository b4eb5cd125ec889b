/** The figures of the responder: a speaker for each number of addresses, rounds of questions to it, and what else is asked of it. */
import { waitFor } from "../../lab/run.ts";
import { lineOf, type Measured, medianOf, percentile, runs, tenths } from "../figures.ts";
import { memoryOfProcess } from "../memory.ts";
import { processorTimeS } from "../processor.ts";
import { Generator } from "./generator.ts";
import { KERNEL_SINGLE, missedGoals, withCompanions } from "./goals.ts";
import { ADDRESSES, memoryName, questionsWith, type Round, SINGLE, SIZES, summary } from "./plan.ts";
import { buildNamespaces, MeasuredSpeaker, removeNamespaces } from "./world.ts";

const ROUNDS = 5;
const ROUND_MS = 1_000;
/** The main thread may be silent for three seconds; then the worker stops answering, as it must. */
const BLOCK_MS = 2_000;
const HEAP_REPLIES = 1_000_000;
const WARM_ROUNDS = 8;
/** BOUNDED: a responder that is slower than this many rounds of a million is measured over fewer. */
const HEAP_ROUNDS_MAX = 60;

type Print = (name: string, unit: string, measured: Measured) => void;

/** Prints the figures that are wanted, each held against what is promised of it. */
function printing(wanted: ReadonlySet<string>): Print {
  let kernelP50Us: number | undefined;
  return (name, unit, measured) => {
    if (!wanted.has(name)) return;
    // The kernel is asked first in every round.
    if (name === KERNEL_SINGLE) kernelP50Us = measured.also?.["p50Us"];
    const missed = missedGoals(name, measured, kernelP50Us);
    for (const what of missed ?? []) console.error(`bench: ${name} NOT AS PROMISED: ${what}`);
    const broken = missed === undefined ? {} : { broken: Number(missed.length > 0) };
    console.log(lineOf({ name, unit, samples: measured.samples, also: { ...measured.also, ...broken } }));
  };
}

/** Takes the wanted figures, and those without which they say nothing, and prints a line for each. */
export async function measureResponder(asFor: ReadonlySet<string>): Promise<void> {
  const wanted = withCompanions(asFor);
  const print = printing(wanted);
  let isShown = false;
  const generator = await Generator.build();
  await buildNamespaces();
  try {
    for (const addresses of SIZES) {
      const isUsual = addresses === ADDRESSES;
      const asked = questionsWith(addresses, wanted);
      const single = isUsual ? Object.values(SINGLE).filter((name) => wanted.has(name)) : [];
      const isNamed = (name: string): boolean => asFor.has(name);
      if (![...asked.map(({ name }) => name), ...single, memoryName(addresses)].some(isNamed)) continue;
      console.error(`bench: responder with ${addresses} addresses of each family`);
      const speaker = await MeasuredSpeaker.start(addresses);
      try {
        const session = new Session(generator, speaker, addresses);
        await session.settle();
        if (!isShown) print(SINGLE.generator, "frames/s", await session.blast());
        isShown = true;
        for (const [name, rounds] of await session.rounds(asked)) print(name, "replies/s", summary(rounds));
        if (single.includes(SINGLE.cpu)) print(SINGLE.cpu, "ms/100000", await session.cpu());
        if (single.includes(SINGLE.heap)) print(SINGLE.heap, "B/reply", await session.heap());
        if (single.includes(SINGLE.blocked)) print(SINGLE.blocked, "replies/s", await session.blocked());
        print(memoryName(addresses), "MiB", await session.memory());
      } finally {
        await speaker.stop();
      }
    }
  } finally {
    await removeNamespaces();
  }
}

type Questions = ReturnType<typeof questionsWith>;

class Session {
  readonly #generator: Generator;
  readonly #speaker: MeasuredSpeaker;
  readonly #addresses: number;

  constructor(generator: Generator, speaker: MeasuredSpeaker, addresses: number) {
    this.#generator = generator;
    this.#speaker = speaker;
    this.#addresses = addresses;
  }

  /** Waits until every address is answered for and the speaker has come to rest. */
  async settle(): Promise<void> {
    const sweep = async (asked: "arp" | "nd"): Promise<boolean> => {
      const told = await this.#ask(asked, 64, 0);
      return told.replies === this.#addresses;
    };
    const answered = async (): Promise<true | undefined> =>
      this.#speaker.pid > 0 && (await sweep("arp")) && (await sweep("nd")) ? true : undefined;
    await waitFor(`an answer for each of ${this.#addresses} addresses`, answered, { timeoutMs: 120_000, everyMs: 500 });
    const idle = async (): Promise<true | undefined> => {
      const { cpuS } = await this.#timed(() => new Promise((resolve) => setTimeout(resolve, 1_000)));
      return cpuS < 0.1 ? true : undefined;
    };
    await waitFor("the speaker to come to rest", idle, { timeoutMs: 120_000 });
  }

  /** Frames a second that the generator can send to the responder when it waits for no answer. */
  async blast(): Promise<Measured> {
    const samples: number[] = [];
    for (let round = 0; round < runs(ROUNDS); round += 1) samples.push((await this.#ask("arp", 0)).perSecond);
    return { samples };
  }

  /** All questions once in each round. */
  async rounds(asked: Questions): Promise<ReadonlyMap<string, readonly Round[]>> {
    const taken = new Map<string, Round[]>();
    const times = runs(ROUNDS);
    for (let round = 1; asked.length > 0 && round <= times; round += 1) {
      console.error(`bench: responder, ${this.#addresses} addresses, round ${round} of ${times}`);
      for (const one of asked) {
        const { value: told, cpuS } = await this.#timed(() => this.#generator.ask({ ...one, forMs: ROUND_MS }));
        const rounds = taken.get(one.name) ?? [];
        taken.set(one.name, rounds);
        rounds.push(one.asked === "kernel" ? told : { ...told, cpuS });
      }
    }
    return taken;
  }

  /** Milliseconds of processor time of the whole speaker for 100,000 replies at 64 in flight. */
  async cpu(): Promise<Measured> {
    const per = async (asked: "arp" | "nd"): Promise<number> => {
      const { value, cpuS } = await this.#timed(() => this.#ask(asked, 64));
      return (cpuS * 1000 * 100_000) / value.replies;
    };
    const samples: number[] = [];
    const nd: number[] = [];
    for (let round = 0; round < runs(ROUNDS); round += 1) {
      samples.push(await per("arp"));
      nd.push(await per("nd"));
    }
    return { samples, also: { nd: tenths(percentile(nd, 0.5)) } };
  }

  /** Bytes that the frame worker allocates on its heap for a reply, over a million of them; everything else that it does included. */
  async heap(): Promise<Measured> {
    const over = async (asked: "arp" | "nd", inFlight: number, replies: number): Promise<number> => {
      // Code that has not run yet is not compiled, and what is not compiled allocates.
      for (let round = 0; round < WARM_ROUNDS; round += 1) await this.#ask(asked, inFlight);
      const before = await this.#speaker.allocatedBytes();
      let answered = 0;
      for (let round = 0; answered < replies && round < HEAP_ROUNDS_MAX; round += 1) {
        answered += (await this.#ask(asked, inFlight)).replies;
      }
      return ((await this.#speaker.allocatedBytes()) - before) / answered;
    };
    const arp = await over("arp", 64, HEAP_REPLIES);
    const nd = await over("nd", 64, HEAP_REPLIES);
    const single = await over("arp", 1, HEAP_REPLIES / 10);
    return { samples: [arp], also: { nd: tenths(nd), oneInFlight: tenths(single) } };
  }

  /** At 64 in flight while the main thread is blocked, and beside it while it is not. */
  async blocked(): Promise<Measured> {
    const rounds: Round[] = [];
    const free: Round[] = [];
    for (let round = 0; round < runs(ROUNDS); round += 1) {
      free.push(await this.#ask("arp", 64));
      const { ended } = await this.#speaker.block(BLOCK_MS);
      const told = await this.#ask("arp", 64);
      const { blockedFromMs, blockedToMs } = await ended;
      if (told.beganMs < blockedFromMs || told.endedMs > blockedToMs) {
        throw new Error(
          `asked from ${told.beganMs} to ${told.endedMs}, blocked from ${blockedFromMs} to ${blockedToMs}`,
        );
      }
      rounds.push(told);
    }
    const { also } = summary(free);
    const replies = rounds.reduce((sum, one) => sum + one.replies, 0);
    const measured = summary(rounds);
    const beside = {
      free: tenths(medianOf(free, (one) => one.perSecond)),
      freeP99Us: also?.["p99Us"] ?? Number.NaN,
    };
    return { samples: measured.samples, also: { ...measured.also, replies, ...beside } };
  }

  async memory(): Promise<Measured> {
    const { rss, anon } = memoryOfProcess(this.#speaker.pid);
    return { samples: [rss], also: { anon: tenths(anon) } };
  }

  #ask(asked: "arp" | "nd", inFlight: number, forMs = ROUND_MS) {
    return this.#generator.ask({ asked, inFlight, forMs, addresses: this.#addresses });
  }

  /** What the action gave, and the processor time of all threads of the speaker meanwhile. */
  async #timed<T>(action: () => Promise<T>): Promise<{ readonly value: T; readonly cpuS: number }> {
    const before = processorTimeS(this.#speaker.pid);
    const value = await action();
    return { value, cpuS: processorTimeS(this.#speaker.pid) - before };
  }
}

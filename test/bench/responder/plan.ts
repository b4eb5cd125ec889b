/** Which figures of the responder there are, and what becomes of the rounds of one. */
import { type Measured, medianOf, tenths } from "../figures.ts";

/**
 * ARP by broadcast; solicitations to the groups of the addresses, as by who does not know them yet, or to the address itself, as
 * by who wants to know whether it is still there; ARP by broadcast for an address that a kernel has.
 */
export type Asked = "arp" | "nd" | "nd-unicast" | "kernel";

/** Questions of one kind, so many in flight at once, for so many addresses. */
export interface Question {
  readonly name: string;
  readonly asked: Asked;
  readonly inFlight: number;
  readonly addresses: number;
}

/** The usual number of addresses of each family; figures without a number of their own are taken with it. */
export const ADDRESSES = 1_000;
const OTHER_ADDRESSES = [1, 10_000];
const IN_FLIGHT = [1, 64, 512];

/** In the order in which a round asks them, so that what is to be compared is measured within seconds of each other. */
export const questions: readonly Question[] = [
  ...IN_FLIGHT.flatMap((inFlight) =>
    (["kernel", "arp", "nd", "nd-unicast"] as const).map((asked) => ({
      name: `responder/${asked}/${inFlight}`,
      asked,
      inFlight,
      addresses: asked === "kernel" ? 1 : ADDRESSES,
    })),
  ),
  ...OTHER_ADDRESSES.flatMap((addresses) =>
    IN_FLIGHT.flatMap((inFlight) =>
      (["arp", "nd", "nd-unicast"] as const).map((asked) => ({
        name: `responder/${asked}/${inFlight}/${addresses}`,
        asked,
        inFlight,
        addresses,
      })),
    ),
  ),
];

/** The questions that are asked while the speaker has so many addresses: those for them, and the kernel's beside the usual ones. */
export function questionsWith(addresses: number, wanted: ReadonlySet<string>): readonly Question[] {
  const here = (one: Question): boolean =>
    one.asked === "kernel" ? addresses === ADDRESSES : one.addresses === addresses;
  return questions.filter((one) => here(one) && wanted.has(one.name));
}

export const SIZES: readonly number[] = [ADDRESSES, ...OTHER_ADDRESSES];

export function memoryName(addresses: number): string {
  return addresses === ADDRESSES ? "responder/memory" : `responder/memory/${addresses}`;
}

/** What is taken with the usual number of addresses alone. */
export const SINGLE = {
  generator: "responder/generator",
  cpu: "responder/cpu",
  heap: "responder/heap",
  blocked: "responder/blocked",
} as const;

export const responderNames: readonly string[] = [
  ...Object.values(SINGLE),
  ...questions.map(({ name }) => name),
  ...SIZES.map(memoryName),
];

/** What the generator tells of one round. */
export interface Round {
  readonly replies: number;
  readonly lost: number;
  readonly perSecond: number;
  readonly p50Us: number;
  readonly p99Us: number;
  /** Processor time of the whole speaker meanwhile, in seconds; undefined where another one answered. */
  readonly cpuS?: number;
}

const roundedMedian = (rounds: readonly Round[], of: (round: Round) => number): number => tenths(medianOf(rounds, of));

/**
 * Replies a second, and the medians over the rounds of latency and of replies for each second of processor time: the latter
 * is what one processor would answer that has nothing else to do.
 */
export function summary(rounds: readonly Round[]): Measured {
  const timed = rounds.filter(({ cpuS }) => cpuS !== undefined && cpuS > 0);
  const perCpuSecond = roundedMedian(timed, ({ replies, cpuS = Number.NaN }) => replies / cpuS);
  return {
    samples: rounds.map(({ perSecond }) => perSecond),
    also: {
      p50Us: roundedMedian(rounds, ({ p50Us }) => p50Us),
      p99Us: roundedMedian(rounds, ({ p99Us }) => p99Us),
      lost: rounds.reduce((sum, { lost }) => sum + lost, 0),
      ...(timed.length === 0 ? {} : { perCpuSecond: Math.round(perCpuSecond) }),
    },
  };
}

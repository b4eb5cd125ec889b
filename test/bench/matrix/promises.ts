/** What a row of the matrix promises, as data, and what of it a run broke; pure. */
import type { RunResult } from "./run.ts";
import type { ServiceName } from "./stage.ts";

/** Figures that only some rows have. */
export interface Seen {
  /** Frames that the victim sent under its old epoch when it went on, of all addresses. */
  readonly stale?: number;
  /** Milliseconds with two answers after the healing, the longest of all addresses. */
  readonly double?: number;
  /** The most announcements of one address within ten seconds, while a foreign host claims it. */
  readonly defences?: number;
  /** How many of the addresses that it claims are announced by the victim not even once. */
  readonly undefended?: number;
  /** How many addresses another node took before the victim's Node was NotReady. */
  readonly early?: number;
  /** The longest time in which a host that resolves an address anew has no answer, in milliseconds, of all addresses. */
  readonly anew?: number;
  /** How many addresses another node took although the victim's speaker was back within two seconds. */
  readonly hasty?: number;
}

type FigureName = keyof Seen | "outageMs" | "lost" | "cut" | "verdicts";

export interface Promised {
  /** Which addresses another node has afterwards; "local": at most those of the two Local Services. Absent: as it comes. */
  readonly moved?: "all" | "none" | "local";
  /** The least and the most of a figure. A figure that is named must be there. */
  readonly within: Ranges;
  /** What docs/failover.md promises beside, on a machine that has nothing else to do: held against every run of the bench. */
  readonly goal?: Ranges;
}

type Ranges = Readonly<Partial<Record<FigureName, readonly [least: number, most: number]>>>;

const isLocal = (name: ServiceName): boolean => name.endsWith("-local");

function movedWrongly({ byService, moved }: RunResult, promised: Promised["moved"]): boolean {
  if (promised === "all") return moved.length !== Object.keys(byService).length;
  if (promised === "none") return moved.length > 0;
  return promised === "local" && !moved.every(isLocal);
}

/** What each of the four has to tell, one after the other. */
function toldOf(byService: RunResult["byService"]): string {
  const all = Object.entries(byService).filter(([, { told }]) => told !== "");
  return all.map(([name, { told }]) => `${name} ${told}`).join("; ");
}

/** The worst of the four Services. */
export function worstOf({ byService }: Pick<RunResult, "byService">): RunResult["byService"][ServiceName] {
  const all = Object.values(byService);
  const worst = (of: (outcome: (typeof all)[number]) => number): number => Math.max(...all.map(of));
  return {
    outageMs: worst(({ outageMs }) => outageMs),
    lost: worst(({ lost }) => lost),
    cut: worst(({ cut }) => cut),
    udpMs: worst(({ udpMs }) => udpMs),
    told: toldOf(byService),
  };
}

/** What a run of the bench broke: there the goals are promises too. */
export function missedGoals(promised: Promised, result: RunResult): readonly string[] {
  return brokenPromises({ ...promised, within: { ...promised.within, ...promised.goal } }, result);
}

/** What a run broke, each as words for the one who reads the test's failure; nothing if it kept all. */
export function brokenPromises(promised: Promised, result: RunResult): readonly string[] {
  const { told, ...worst } = worstOf(result);
  const figures: Readonly<Record<string, number | undefined>> = {
    ...worst,
    verdicts: result.verdicts,
    ...result.seen,
  };
  const ranges = Object.entries(promised.within).flatMap(([name, [least, most]]) => {
    const value = figures[name] ?? Number.NaN;
    return value >= least && value <= most ? [] : [`${name} is ${value}, promised ${least} to ${most}`];
  });
  const moves = movedWrongly(result, promised.moved)
    ? [`moved: ${result.moved.join(", ") || "none"}, promised: ${promised.moved}`]
    : [];
  const broken = [...moves, ...ranges];
  return broken.length > 0 && told !== "" ? [...broken, told] : broken;
}

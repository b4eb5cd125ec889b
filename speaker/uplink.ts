/**
 * Whether the way out of a segment works (election.md section 3): the default gateway of each interface that may carry addresses is
 * asked by ICMP or ICMPv6 echo. Pure; shell/uplink-monitor.ts asks.
 */
import type { Gateway } from "./state.ts";

/** One question a second, each answered within less. */
export const UPLINK_PERIOD_MS = 1_000;
export const UPLINK_TIMEOUT_MS = 900;
/** So many questions in a row change the judgement, in either direction: a router may answer echoes slowly, or drop some. */
const IN_A_ROW = 4;
/** BOUNDED: a node announces on a handful of interfaces. */
const TARGETS_MAX = 16;

export interface UplinkTarget {
  readonly interface: string;
  /** IPv4 where the gateway has it, else its IPv6 link-local address. */
  readonly gateway: string;
}

export interface Uplink {
  /** "" until it is asked: the process before this one found the uplink lost. */
  readonly gateway: string;
  /** It has answered this process at least once: many a router does not answer echoes at all, and is not judged by them. */
  readonly isKnown: boolean;
  readonly isLost: boolean;
  /** Outcomes in a row that speak against the judgement. */
  readonly against: number;
}

/** What is to be asked: the gateways of the interfaces that addresses may stand on. */
export function uplinkTargets(
  interfaces: readonly string[],
  gateways: ReadonlyMap<string, Gateway>,
): readonly UplinkTarget[] {
  const targets = interfaces.map((name) => {
    const found = gateways.get(name);
    return { interface: name, gateway: found === undefined ? "" : found.address4 || found.linkLocal };
  });
  return targets.filter((one) => one.gateway !== "").slice(0, TARGETS_MAX);
}

/** Not known yet, and not blamed. */
export function freshUplink(gateway: string): Uplink {
  return { gateway, isKnown: false, isLost: false, against: 0 };
}

/** What the Lease of this node says was lost, is lost until the gateway answers: a restart makes no uplink whole. */
export function formerUplinks(lost: readonly string[]): ReadonlyMap<string, Uplink> {
  return new Map(lost.map((name) => [name, { gateway: "", isKnown: true, isLost: true, against: 0 }]));
}

/** What cannot be asked, since its gateway left the routes, stays lost as long as the interface is there. */
export function lostWithoutTarget(
  before: ReadonlyMap<string, Uplink>,
  targets: readonly UplinkTarget[],
  interfaces: readonly string[],
): ReadonlyMap<string, Uplink> {
  const isAsked = (name: string): boolean => targets.some((one) => one.interface === name);
  const kept = [...before].filter(([name, one]) => one.isLost && !isAsked(name) && interfaces.includes(name));
  return new Map(kept.map(([name, one]) => [name, { ...one, against: 0 }]));
}

/** After one question. Another gateway than before begins anew. */
export function stepUplink(before: Uplink | undefined, gateway: string, isAnswered: boolean): Uplink {
  const isSame = before !== undefined && (before.gateway === gateway || before.gateway === "");
  const state = isSame ? { ...before, gateway } : freshUplink(gateway);
  const isKnown = state.isKnown || isAnswered;
  if (!isKnown || isAnswered !== state.isLost) return { ...state, isKnown, against: 0 };
  const against = state.against + 1;
  return against < IN_A_ROW ? { ...state, isKnown, against } : { gateway, isKnown, isLost: !state.isLost, against: 0 };
}

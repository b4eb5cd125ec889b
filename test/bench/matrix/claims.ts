/** What the captures of outside hosts say about who claims an address, and what a fault came to by that; pure. */
import type { FrameView } from "../../lab/frames.ts";

/** A frame by which a station says that an address is at its MAC: an answer, or an announcement. */
export interface Claim {
  readonly address: string;
  readonly mac: string;
  /** Since the Unix epoch, by the capture. */
  readonly timeMs: number;
  readonly form: "answer" | "request-form" | "reply-form" | "unsolicited";
}

/** In the order of the frames. A question is no claim, whatever its sender says of itself. */
export function claimsOf(frames: readonly FrameView[]): readonly Claim[] {
  return frames.flatMap((frame): readonly Claim[] => {
    const { arp, nd, timeMs } = frame;
    if (arp !== undefined) {
      const announces = arp.senderIp === arp.targetIp;
      if (arp.operation === "other" || (arp.operation === "request" && !announces)) return [];
      const form = !announces ? "answer" : arp.operation === "request" ? "request-form" : "reply-form";
      return [{ address: arp.senderIp, mac: arp.senderMac, timeMs, form }];
    }
    if (nd?.kind !== "advertisement") return [];
    const form = nd.flags.solicited ? "answer" : "unsolicited";
    return [{ address: nd.target, mac: nd.linkLayerAddress ?? frame.source, timeMs, form }];
  });
}

/**
 * How many frames `mac` sent from `fromMs` on for addresses that somebody else had announced before: answers under its old
 * epoch. One batch may be under way at the moment it is stopped; asked ten times a second, that is a chance in thousands.
 */
export function staleAfter(claims: readonly Claim[], mac: string, fromMs: number): number {
  const announcedMs = new Map<string, number>();
  for (const claim of claims) {
    if (claim.form === "answer" || claim.mac === mac || announcedMs.has(claim.address)) continue;
    announcedMs.set(claim.address, claim.timeMs);
  }
  const isStale = ({ address, mac: by, timeMs }: Claim): boolean =>
    by === mac && timeMs >= fromMs && timeMs > (announcedMs.get(address) ?? Number.POSITIVE_INFINITY);
  return claims.filter(isStale).length;
}

/**
 * How long after `healedMs` an address was claimed by somebody else than the one who answers in the end, in milliseconds: the
 * longest of all addresses, 0 if none was. As exact as the questions are frequent.
 */
export function doubleAfterMs(claims: readonly Claim[], healedMs: number): number {
  const since = claims.filter(({ timeMs }) => timeMs >= healedMs);
  const last = new Map(since.filter(({ form }) => form === "answer").map((claim) => [claim.address, claim.mac]));
  const others = since.filter(({ address, mac }) => last.has(address) && last.get(address) !== mac);
  return Math.max(0, ...others.map(({ timeMs }) => timeMs - healedMs));
}

/**
 * The longest time between `fromMs` and `toMs` without an answer, of all `addresses`: so long may wait who resolves one anew. As exact as
 * the questions are frequent.
 */
export function longestSilenceMs(
  claims: readonly Claim[],
  addresses: readonly string[],
  fromMs: number,
  toMs: number,
): number {
  const silences = addresses.flatMap((of) => {
    const answers = claims.filter(({ address, form }) => address === of && form === "answer");
    const times = answers.map(({ timeMs }) => timeMs).filter((timeMs) => timeMs > fromMs && timeMs < toMs);
    const before = [fromMs, ...times];
    return [...times, toMs].map((timeMs, index) => timeMs - (before[index] ?? timeMs));
  });
  return Math.max(0, ...silences);
}

/**
 * The most announcements of one address by `mac` that any time of `windowMs` from `fromMs` on holds. A round of IPv4 has two forms and is
 * counted by its request.
 */
export function mostWithin(claims: readonly Claim[], mac: string, fromMs: number, windowMs: number): number {
  const isRound = ({ form }: Claim): boolean => form === "request-form" || form === "unsolicited";
  const own = claims.filter((claim) => claim.mac === mac && isRound(claim) && claim.timeMs >= fromMs);
  const within = (first: Claim): number =>
    own.filter(
      ({ address, timeMs }) => address === first.address && timeMs >= first.timeMs && timeMs < first.timeMs + windowMs,
    ).length;
  return Math.max(0, ...own.map(within));
}

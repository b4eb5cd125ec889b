/** The links and addresses of this node, kept from the messages of rtnetlink: dumps and events in one. */
import { assertNever } from "../../lib/runtime/errors.ts";
import type { Link, LinkAddress } from "./messages.ts";
import type { LinkMessage, NetlinkMessage } from "./netlink.ts";

const IFF_UP = 0x1;
const IFF_BROADCAST = 0x2;
const IFF_LOOPBACK = 0x8;
const IFF_POINTOPOINT = 0x10;
const IFF_NOARP = 0x80;
const IFF_LOWER_UP = 0x1_0000;
const ARPHRD_ETHER = 1;

interface Entry<T> {
  readonly value: T;
  /** The last dump that named it; what a whole dump did not name is gone. */
  readonly dump: number;
}

export interface LinksState {
  /** Number of the dump under way or last finished. */
  readonly dump: number;
  readonly phase: "links" | "addresses" | "settled";
  /** How often a link went: one that is made anew can have everything in common with the one before, its index too. */
  readonly removals: number;
  /** How often each link came back, or moved to another port of a switch: switches behind it have to be told of groups anew. BOUNDED by the links. */
  readonly rejoins: ReadonlyMap<number, number>;
  /** BOUNDED by what the kernel has: by index, and by index and address. */
  readonly links: ReadonlyMap<number, Entry<LinkMessage>>;
  readonly addresses: ReadonlyMap<string, Entry<LinkAddress & { readonly index: number }>>;
}

export type LinksEffect = { readonly type: "dump-links" | "dump-addresses"; readonly sequence: number };

export interface LinksStep {
  readonly state: LinksState;
  readonly effects: readonly LinksEffect[];
}

export type LinksInput =
  | NetlinkMessage
  /** At the start, and when events were lost (ENOBUFS). */
  | { readonly type: "resync" };

export function createLinks(): LinksState {
  return { dump: 0, phase: "settled", removals: 0, rejoins: new Map(), links: new Map(), addresses: new Map() };
}

export function stepLinks(state: LinksState, input: LinksInput): LinksStep {
  switch (input.type) {
    case "resync":
      return resync(state);
    case "link": {
      const links = new Map(state.links).set(input.index, { value: input, dump: state.dump });
      return { state: { ...state, links, rejoins: rejoinsAfter(state, input) }, effects: [] };
    }
    case "link-gone":
      return { state: withoutLink(state, input.index), effects: [] };
    case "address": {
      const entry = { value: { index: input.index, ...addressOf(input) }, dump: state.dump };
      return { state: { ...state, addresses: new Map(state.addresses).set(keyOf(input), entry) }, effects: [] };
    }
    case "address-gone": {
      const addresses = new Map(state.addresses);
      addresses.delete(keyOf(input));
      return { state: { ...state, addresses }, effects: [] };
    }
    case "done":
      return dumped(state, input.sequence, input.interrupted);
    case "error":
      // A refused dump request is asked for again; other errors are answers to nothing we sent.
      return input.sequence === sequenceOf(state) && input.errno !== 0 ? resync(state) : { state, effects: [] };
    case "other":
      return { state, effects: [] };
    default:
      return assertNever(input);
  }
}

/** A flap that is over before anybody looks is one all the same. */
function rejoinsAfter(state: LinksState, { index, flags, isMoved }: LinkMessage): ReadonlyMap<number, number> {
  const before = state.links.get(index)?.value.flags;
  const isBack = before !== undefined && !hasCarrier(before) && hasCarrier(flags);
  if (!isBack && !isMoved) return state.rejoins;
  return new Map(state.rejoins).set(index, (state.rejoins.get(index) ?? 0) + 1);
}

function hasCarrier(flags: number): boolean {
  return (flags & IFF_UP) !== 0 && (flags & IFF_LOWER_UP) !== 0;
}

function resync(state: LinksState): LinksStep {
  const next: LinksState = { ...state, dump: state.dump + 1, phase: "links" };
  return { state: next, effects: [{ type: "dump-links", sequence: sequenceOf(next) }] };
}

/** Each dump asks twice; the number of an answer tells which question it belongs to. */
function sequenceOf(state: LinksState): number {
  return state.dump * 2 + (state.phase === "links" ? 0 : 1);
}

function dumped(state: LinksState, sequence: number, interrupted: boolean): LinksStep {
  if (state.phase === "settled" || sequence !== sequenceOf(state)) return { state, effects: [] };
  if (interrupted) return resync(state);
  if (state.phase === "links") {
    const next: LinksState = { ...state, phase: "addresses" };
    return { state: next, effects: [{ type: "dump-addresses", sequence: sequenceOf(next) }] };
  }
  const named = <K, V extends { dump: number }>(map: ReadonlyMap<K, V>) =>
    new Map([...map].filter(([, entry]) => entry.dump === state.dump));
  const next = { ...state, phase: "settled", links: named(state.links), addresses: named(state.addresses) } as const;
  return { state: next, effects: [] };
}

function withoutLink(state: LinksState, index: number): LinksState {
  const links = new Map(state.links);
  links.delete(index);
  const addresses = new Map([...state.addresses].filter(([, entry]) => entry.value.index !== index));
  const rejoins = new Map([...state.rejoins].filter(([other]) => other !== index));
  return { ...state, removals: state.removals + 1, rejoins, links, addresses };
}

function keyOf(message: { readonly index: number; readonly address: string; readonly prefixLength: number }): string {
  return `${message.index} ${message.address}/${message.prefixLength}`;
}

/** All links, by index, with their addresses in the order of their text; undefined while a dump is under way. */
export function linksOf(state: LinksState): readonly Link[] | undefined {
  if (state.phase !== "settled" || state.dump === 0) return undefined;
  const byIndex = Map.groupBy(state.addresses.values(), (entry) => entry.value.index);
  return [...state.links.values()]
    .map((entry) => entry.value)
    .sort((left, right) => left.index - right.index)
    .map((link) =>
      linkOf(
        state,
        link,
        (byIndex.get(link.index) ?? []).map((entry) => entry.value),
      ),
    );
}

function linkOf(state: LinksState, link: LinkMessage, addresses: readonly LinkAddress[]): Link {
  const { index, name, mac, kind, flags } = link;
  const has = (flag: number) => (flags & flag) !== 0;
  return {
    index,
    name,
    mac,
    carrier: hasCarrier(flags),
    // A master in another namespace has no name here; it still owns the link.
    master: link.master === 0 ? "" : (state.links.get(link.master)?.value.name ?? `#${link.master}`),
    kind,
    // A dummy device (kube-ipvs0 with every ClusterIP) resolves nobody, and nobody is behind it.
    broadcast:
      link.deviceType === ARPHRD_ETHER &&
      has(IFF_BROADCAST) &&
      !has(IFF_LOOPBACK) &&
      !has(IFF_POINTOPOINT) &&
      !has(IFF_NOARP),
    addresses: addresses
      .map(addressOf)
      .sort((left, right) => compareText(left.address, right.address) || left.prefixLength - right.prefixLength),
  };
}

function addressOf({ address, prefixLength, metric, tentative, temporary }: LinkAddress): LinkAddress {
  return {
    ...{ address, prefixLength, metric },
    ...(tentative === true ? { tentative } : {}),
    ...(temporary === true ? { temporary } : {}),
  };
}

function compareText(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0;
}

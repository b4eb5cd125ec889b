/**
 * Addresses that no Service gets although a pool has them: those of Nodes, and the first and last of every subnet that a
 * speaker is connected to, since routers and hosts take these for their own or for everybody's.
 */
import { compareIps, type Family, formatIp, type Ip, parseIp, virtualIpName } from "../lib/address/ip.ts";
import { cidrRange, type IpRange, parseCidr, rangeContains } from "../lib/address/range.ts";
import { type NetworksText, parseInterfaces } from "../lib/model/speaker-lease.ts";

export interface OffLimit {
  readonly ip: Ip;
  /** What the address is, to end the sentence "… is …". */
  readonly what: string;
  /** Not known, but likely: whoever asks for it by name gets it, and one in use is no fault. */
  readonly isGuess?: boolean;
  /**
   * It stands in a Node object, so it is the node's own. One that is merely on an interface may be there for a Service: kube-vip puts
   * them there, and leaves them until it is removed.
   */
  readonly isNodesOwn?: true;
  /** The Node whose address it is; undefined for what belongs to a subnet. */
  readonly node?: string;
}

/** What was off limits when it was last looked, and what a Node that is still there has lost a moment ago. */
export interface Recent {
  readonly limits: readonly OffLimit[];
  readonly gone: readonly { readonly limit: OffLimit; readonly untilMs: number }[];
}

/** keepalived takes a second or two to move an address to another node, and a speaker some more to tell of it. */
const GONE_MS = 10_000;

/** The addresses of one Node, as texts that may also be names. */
export interface NodeAddresses {
  readonly name: string;
  readonly addresses: readonly string[];
}

/** What one speaker's Lease says of its node's interfaces. */
export interface NodeNetworks {
  readonly node: string;
  readonly subnets: readonly string[];
  readonly addresses: readonly string[];
}

export function networksOf({ node, text }: NetworksText): NodeNetworks {
  const interfaces = parseInterfaces(text);
  // An older speaker tells of one address only.
  const addresses = interfaces.flatMap(({ address4, addresses }) =>
    address4 === "" ? addresses : [address4, ...addresses],
  );
  return { node, subnets: interfaces.flatMap((one) => one.subnets), addresses };
}

/** In the order of the addresses, each once: a Node object counts before an interface, and that before a subnet. */
export function offLimits(nodes: readonly NodeAddresses[], networks: readonly NodeNetworks[]): readonly OffLimit[] {
  const found = new Map<string, OffLimit>();
  const note = (limit: OffLimit): void => {
    const name = virtualIpName(limit.ip);
    if (!found.has(name)) found.set(name, limit);
  };
  for (const limit of addressesOf(nodes)) note({ ...limit, isNodesOwn: true });
  for (const limit of addressesOf(networks.map(({ node, addresses }) => ({ name: node, addresses })))) note(limit);
  const subnets = new Set(networks.flatMap((one) => one.subnets));
  for (const subnet of [...subnets].sort()) for (const limit of endsOf(subnet)) note(limit);
  return [...found.values()].sort((left, right) => compareIps(left.ip, right.ip));
}

/** What is off limits now is `limits`. An address that a Node has no more is held back for a while, since it may be on its way to another; not when the Node is gone. */
export function noteGone(
  before: Recent,
  limits: readonly OffLimit[],
  isThere: (node: string) => boolean,
  nowMs: number,
): Recent {
  const names = new Set(limits.map(({ ip }) => virtualIpName(ip)));
  const left = before.limits.map((limit) => ({ limit, untilMs: nowMs + GONE_MS }));
  const gone = [...left, ...before.gone].filter(
    ({ limit: { ip, node }, untilMs }) =>
      node !== undefined && isThere(node) && untilMs > nowMs && !names.has(virtualIpName(ip)),
  );
  return { limits, gone };
}

/** Both, in the order of the addresses. */
export function allLimits({ limits, gone }: Recent): readonly OffLimit[] {
  if (gone.length === 0) return limits;
  return [...limits, ...gone.map(({ limit }) => limit)].sort((left, right) => compareIps(left.ip, right.ip));
}

function addressesOf(nodes: readonly NodeAddresses[]): readonly OffLimit[] {
  return [...nodes].sort(byName).flatMap(({ name, addresses }) =>
    addresses.flatMap((text) => {
      const ip = parseIp(text);
      return ip.ok ? [{ ip: ip.value, what: `an address of the Node ${name}`, node: name }] : [];
    }),
  );
}

/** That not every subnet is known. */
export interface Blindness {
  readonly known: readonly IpRange[];
  /** Who has not told, for a message. */
  readonly why: string;
}

/** undefined when the speaker of every one of these Nodes has told the subnets that it is connected to. */
export function blindness(
  nodes: readonly { readonly name: string }[],
  networks: readonly NodeNetworks[],
): Blindness | undefined {
  const told = networks.filter(({ subnets }) => subnets.length > 0);
  const tellers = new Set(told.map(({ node }) => node));
  const silent = nodes.map(({ name }) => name).filter((name) => !tellers.has(name));
  if (told.length > 0 && silent.length === 0) return undefined;
  const known = [...new Set(told.flatMap(({ subnets }) => subnets))].flatMap((subnet) => {
    const cidr = parseCidr(subnet);
    return cidr.ok ? [cidrRange(cidr.value)] : [];
  });
  return { known, why: told.length === 0 ? "no speaker has told its subnets yet" : silenceText(silent.sort()) };
}

/**
 * While not every speaker has told its subnets: the first and the last of each of these runs of IPv4 addresses, if it can be that of a
 * subnet and lies in none that is known. Clients do not reach such an address; a Service that got it would keep it, and whoever waits
 * for another minute loses nothing. When every Node's speaker has told, nobody is connected to a subnet around the run: it is
 * routed, or announced where the nodes have no address, and what its ends are only its owner knows. Then they are given out, since
 * holding two addresses back for ever from who means just these would be no better; `spec.excluded` is for the others. A Node
 * that never gets a speaker (of another operating system) does hold them back: the pool names it, and who asks by name has them.
 */
export function guessedLimits(
  runs: readonly { readonly first: bigint; readonly last: bigint }[],
  { known, why }: Blindness,
): readonly OffLimit[] {
  const guess = (value: bigint, end: string): OffLimit => {
    return { ip: at(4, value), what: `perhaps the ${end} address of a subnet (${why})`, isGuess: true };
  };
  return runs
    .filter(({ first, last }) => last - first >= 3n)
    .flatMap(({ first, last }) => [
      ...(first % 4n === 0n ? [guess(first, "network")] : []),
      ...(last % 4n === 3n ? [guess(last, "broadcast")] : []),
    ])
    .filter(({ ip }) => !known.some((subnet) => rangeContains(subnet, ip)));
}

function silenceText(silent: readonly string[]): string {
  const [first = ""] = silent;
  if (silent.length === 1) return `the speaker of the Node ${first} has not told its subnets yet`;
  return `the speakers of ${silent.length} Nodes, that of ${first} among them, have not told their subnets yet`;
}

/** Links of two addresses (RFC 3021, RFC 6164) and single addresses have no ends to spare. IPv6 has no broadcast. */
function endsOf(subnet: string): readonly OffLimit[] {
  const cidr = parseCidr(subnet);
  if (!cidr.ok) return [];
  const { family, first, last } = cidrRange(cidr.value);
  if (last - first < 3n) return [];
  const text = `${formatIp({ family, value: first })}/${cidr.value.prefixLength}`;
  // RFC 4291 section 2.6.1: the subnet-router anycast address.
  if (family === 6) return [{ ip: { family, value: first }, what: `the routers' address of the subnet ${text}` }];
  return [
    { ip: at(family, first), what: `the network address of the subnet ${text}` },
    { ip: at(family, last), what: `the broadcast address of the subnet ${text}` },
  ];
}

function at(family: Family, value: bigint): Ip {
  return { family, value };
}

function byName(left: NodeAddresses, right: NodeAddresses): number {
  return left.name < right.name ? -1 : left.name > right.name ? 1 : 0;
}

/**
 * Addresses that no Service gets although a pool has them: those of Nodes, and the first and last of every subnet that a
 * speaker is connected to, since routers and hosts take these for their own or for everybody's.
 */
import { compareIps, type Family, formatIp, type Ip, parseIp, virtualIpName } from "../lib/address/ip.ts";
import { cidrRange, parseCidr } from "../lib/address/range.ts";

export interface OffLimit {
  readonly ip: Ip;
  /** What the address is, to end the sentence "… is …". */
  readonly what: string;
  /** Not known, but likely: whoever asks for it by name gets it, and one in use is no fault. */
  readonly isGuess?: boolean;
}

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

/** In the order of the addresses, each once: a Node counts before a subnet. */
export function offLimits(nodes: readonly NodeAddresses[], networks: readonly NodeNetworks[]): readonly OffLimit[] {
  const found = new Map<string, OffLimit>();
  const note = (ip: Ip, what: string): void => {
    const name = virtualIpName(ip);
    if (!found.has(name)) found.set(name, { ip, what });
  };
  const own = [...nodes, ...networks.map(({ node, addresses }) => ({ name: node, addresses }))].sort(byName);
  for (const { name, addresses } of own) {
    for (const text of addresses) {
      const ip = parseIp(text);
      if (ip.ok) note(ip.value, `an address of the Node ${name}`);
    }
  }
  const subnets = new Set(networks.flatMap((one) => one.subnets));
  for (const subnet of [...subnets].sort()) for (const { ip, what } of endsOf(subnet)) note(ip, what);
  return [...found.values()].sort((left, right) => compareIps(left.ip, right.ip));
}

/**
 * Before the first speaker has told its subnets: the first address of each of these runs of IPv4 addresses, if it can be that of a subnet.
 * A pool that is a whole subnet would begin with an address that clients do not reach. The last ones are not given that early.
 */
export function guessedLimits(runs: readonly { readonly first: bigint; readonly last: bigint }[]): readonly OffLimit[] {
  const what = "perhaps the network address of a subnet (no speaker has told its subnets yet)";
  return runs
    .filter(({ first, last }) => first % 4n === 0n && last - first >= 3n)
    .map(({ first }) => ({ ip: at(4, first), what, isGuess: true }));
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

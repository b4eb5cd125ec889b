/**
 * Which interfaces of a node can carry announcements, and which one carries an address (election.md section 3). The same facts
 * are published in the speaker's Lease, so that others know where this node would answer and with which MAC.
 */
import { formatIp, type Ip, parseIp } from "../lib/address/ip.ts";
import { cidrRange, type IpRange, parseCidr, rangeContains } from "../lib/address/range.ts";
import { OWN_ADDRESSES_MAX } from "../lib/model/speaker-lease.ts";
import type { Link, LinkAddress } from "./net/messages.ts";

/** One interface, best first in its list: lowest metric, then lowest index. */
export interface InterfaceFacts {
  readonly name: string;
  readonly mac: string;
  /** Connected networks, `network/length`, without link-local ones; sorted. */
  readonly subnets: readonly string[];
  readonly carrier: boolean;
  /** The node's own IPv6 link-local address there, "" without one. */
  readonly linkLocal: string;
  /** The node's own IPv4 address there, which its kernel answers for; "" without one. */
  readonly address4: string;
  /** All of the node's own addresses there that last, without link-local ones; sorted. */
  readonly addresses: readonly string[];
}

/** The facts with their networks read once: 1,000 addresses × 100 nodes ask for them at each change. */
export interface NodeInterface extends InterfaceFacts {
  readonly networks: readonly IpRange[];
}

const LINK_LOCAL_4: IpRange = range("169.254.0.0/16");
const LINK_LOCAL_6: IpRange = range("fe80::/10");

/**
 * The usable links of this node: broadcast Ethernet that no other device owns (a bridge or bond is used itself, its ports
 * are not). Sorted by the lowest metric of its addresses, then by index.
 */
export function interfaceFacts(links: readonly Link[]): readonly InterfaceFacts[] {
  return links
    .filter((link) => link.broadcast && link.master === "" && link.mac !== "" && !isPodEnd(link))
    .map((link) => ({ link, metric: metricOf(link) }))
    .sort((left, right) => left.metric - right.metric || left.link.index - right.link.index)
    .map(({ link }) => factsOf(link));
}

/** Link-local addresses have no say: the kernel gives them no metric, so every interface with IPv6 would have the lowest. */
function metricOf(link: Link): number {
  return Math.min(...link.addresses.filter(isNetwork).map((own) => own.metric), Number.MAX_SAFE_INTEGER);
}

/**
 * The node's end of a pod's cable (Calico, Cilium, ptp): a veth without a network. A node has hundreds, and they come and go with
 * the pods: published, each pod would cost a write here and a look at every address on every node.
 */
function isPodEnd(link: Link): boolean {
  return link.kind === "veth" && link.addresses.every((own) => !isNetwork(own));
}

function isNetwork({ address, prefixLength }: LinkAddress): boolean {
  const ip = parseIp(address);
  if (!ip.ok || rangeContains(LINK_LOCAL_6, ip.value) || rangeContains(LINK_LOCAL_4, ip.value)) return false;
  return prefixLength < (ip.value.family === 4 ? 32 : 128);
}

/**
 * Told as the node's own is what is configured, whether or not the kernel uses it just now: duplicate address detection runs again
 * with each carrier, and a deprecated address is answered for like any other (keepalived adds its IPv6 ones so). Only temporary ones
 * are left out: they change by themselves, and each change would be a write here and news for every node.
 */
function factsOf(link: Link): InterfaceFacts {
  const subnets = new Set<string>();
  const lasting = new Set<string>();
  let linkLocal = "";
  let address4 = "";
  for (const own of link.addresses) {
    const ip = parseIp(own.address);
    if (!ip.ok) continue;
    if (rangeContains(LINK_LOCAL_6, ip.value)) linkLocal ||= own.address;
    else if (!rangeContains(LINK_LOCAL_4, ip.value)) {
      subnets.add(networkText(own.address, own.prefixLength));
      if (own.temporary !== true) lasting.add(own.address);
      if (ip.value.family === 4) address4 ||= own.address;
    }
  }
  const { name, mac, carrier } = link;
  const addresses = [...lasting].sort().slice(0, OWN_ADDRESSES_MAX);
  return { name, mac, subnets: [...subnets].sort(), carrier, linkLocal, address4, addresses };
}

/** The interfaces that may carry the address, best first, whatever their carrier. */
export function interfacesFor(
  facts: readonly NodeInterface[],
  globs: readonly string[],
  address: Ip,
): readonly NodeInterface[] {
  if (globs.length === 0) return facts.filter((one) => isConnected(one, address));
  // An explicit list may name a segment on which the node has no address of its own; where it has one, that goes first.
  const named = facts.filter((one) => globs.some((glob) => matchesGlob(glob, one.name)));
  return [...named.filter((one) => isConnected(one, address)), ...named.filter((one) => !isConnected(one, address))];
}

export function isConnected(one: NodeInterface, address: Ip): boolean {
  return one.networks.some((network) => rangeContains(network, address));
}

/** A subnet that cannot be read (another version's Lease) is left out. */
export function withNetworks(facts: readonly InterfaceFacts[]): readonly NodeInterface[] {
  return facts.map((one) => ({
    ...one,
    networks: one.subnets.flatMap((subnet) => {
      const cidr = parseCidr(subnet);
      return cidr.ok ? [cidrRange(cidr.value)] : [];
    }),
  }));
}

/** `*` stands for any run of characters, `?` for one; everything else for itself. */
export function matchesGlob(glob: string, name: string): boolean {
  const pattern = glob
    .replace(/[.+^${}()|[\]\\]/g, "\\$&")
    .replaceAll("*", ".*")
    .replaceAll("?", ".");
  return new RegExp(`^${pattern}$`).test(name);
}

function networkText(address: string, prefixLength: number): string {
  const cidr = parseCidr(`${address}/${prefixLength}`);
  if (!cidr.ok) return `${address}/${prefixLength}`;
  const { family, first } = cidrRange(cidr.value);
  return `${formatIp({ family, value: first })}/${prefixLength}`;
}

function range(text: string): IpRange {
  const cidr = parseCidr(text);
  if (!cidr.ok) throw new RangeError(cidr.reason);
  return cidrRange(cidr.value);
}

/** Whether the cable of the interface of that name is in. */
export function hasCarrier(interfaces: readonly InterfaceFacts[], name: string): boolean {
  return interfaces.some((one) => one.carrier && one.name === name);
}

/**
 * Which addresses the kernel of this node answers for by itself (election.md section 3, E12): it has them as its own. Then every
 * node that has them answers, and no election decides who gets the traffic.
 */
import { parseIp } from "../lib/address/ip.ts";
import type { VirtualIP } from "../lib/model/virtual-ip.ts";
import { interfacesFor, type NodeInterface } from "./interfaces.ts";
import type { Link } from "./net/messages.ts";

export interface KernelFacts {
  readonly interfaces: readonly NodeInterface[];
  /** The links that have an address as their own, by address. */
  readonly local: ReadonlyMap<string, readonly string[]>;
  /** By interface: the larger one of `all` and its own, as the kernel takes it. Unknown counts as 0, the kernel's default. */
  readonly arpIgnore: ReadonlyMap<string, number>;
}

/** Addresses as text, each with the links that have it. */
export function localAddresses(links: readonly Link[]): ReadonlyMap<string, readonly string[]> {
  const local = new Map<string, readonly string[]>();
  for (const link of links) {
    for (const { address } of link.addresses) local.set(address, [...(local.get(address) ?? []), link.name]);
  }
  return local;
}

/**
 * Sorted. An address on the very interface that would announce it is answered whatever the settings; one on another device
 * (kube-ipvs0) is answered for ARP unless arp_ignore is 1 or more (Linux, ip-sysctl), and never for ND.
 */
export function kernelAnswers(vips: readonly VirtualIP[], facts: KernelFacts): readonly string[] {
  return vips
    .filter((vip) => isAnswered(vip, facts))
    .map((vip) => vip.address)
    .sort();
}

function isAnswered(vip: VirtualIP, { interfaces, local, arpIgnore }: KernelFacts): boolean {
  const owners = local.get(vip.address);
  const ip = parseIp(vip.address);
  if (owners === undefined || !ip.ok) return false;
  const carrying = interfacesFor(interfaces, vip.l2.interfaces, ip.value);
  if (carrying.some((one) => owners.includes(one.name))) return true;
  return ip.value.family === 4 && carrying.some((one) => (arpIgnore.get(one.name) ?? 0) < 1);
}

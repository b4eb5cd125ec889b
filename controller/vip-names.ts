/** The name of a VirtualIP spells its address out. */
import { type Family, type Ip, parseIp } from "../lib/address/ip.ts";

const WRITTEN_OUT = /^([0-9a-f]{4}-){7}[0-9a-f]{4}$/;

export function familyOfName(name: string): Family {
  return name.includes(".") ? 4 : 6;
}

/** The address that a VirtualIP's name spells out. */
export function ipOfName(name: string): Ip | undefined {
  if (WRITTEN_OUT.test(name)) return { family: 6, value: BigInt(`0x${name.replaceAll("-", "")}`) };
  const ip = parseIp(familyOfName(name) === 4 ? name : name.replaceAll("-", ":"));
  return ip.ok ? ip.value : undefined;
}

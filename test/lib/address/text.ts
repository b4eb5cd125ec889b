import { type Ip, parseIp } from "../../../lib/address/ip.ts";
import { type IpRange, parseRange } from "../../../lib/address/range.ts";

/** An address literal of a test table. */
export function ip(text: string): Ip {
  const parsed = parseIp(text);
  if (!parsed.ok) throw new Error(parsed.reason);
  return parsed.value;
}

/** A range literal of a test table. */
export function range(text: string): IpRange {
  const parsed = parseRange(text);
  if (!parsed.ok) throw new Error(parsed.reason);
  return parsed.value;
}

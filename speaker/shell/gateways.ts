/** The default gateways of this node, one more station that can prove its hearing. Read from /proc/net, where no message tells of changes. */
import { readFileSync } from "node:fs";
import { formatIp, ipFromBytes } from "../../lib/address/ip.ts";
import type { Gateway } from "../state.ts";

/** RTF_UP and RTF_GATEWAY (route(8)). */
const UP_AND_GATEWAY = 0x3;

/** By interface: the gateways of the default routes of both families; the first one of each counts, as the kernel lists them. */
export function gatewaysOf(routes4: string, routes6: string): ReadonlyMap<string, Gateway> {
  const gateways = new Map<string, Gateway>();
  for (const line of routes4.split("\n").slice(1)) {
    const [name = "", destination, gateway = "", flags = "0"] = line.split(/\s+/);
    const isDefault = destination === "00000000" && (Number.parseInt(flags, 16) & UP_AND_GATEWAY) === UP_AND_GATEWAY;
    if (!isDefault || gateways.has(name) || !/^[0-9A-F]{8}$/i.test(gateway)) continue;
    // In the byte order of the machine, which is the little one on everything that Berth is built for.
    gateways.set(name, { address4: formatIp(ipFromBytes(Uint8Array.fromHex(gateway).reverse())), linkLocal: "" });
  }
  for (const line of routes6.split("\n")) {
    const [destination, length, , , gateway = "", , , , flags = "0", name = ""] = line.trim().split(/\s+/);
    const isDefault = length === "00" && /^0{32}$/.test(destination ?? "");
    const isUsed = (Number.parseInt(flags, 16) & UP_AND_GATEWAY) === UP_AND_GATEWAY;
    const before = gateways.get(name);
    // Only a link-local one can be asked from a link-local address.
    if (!isDefault || !isUsed || !/^fe[89ab][0-9a-f]{29}$/i.test(gateway) || (before?.linkLocal ?? "") !== "") continue;
    const linkLocal = formatIp(ipFromBytes(Uint8Array.fromHex(gateway)));
    gateways.set(name, { address4: before?.address4 ?? "", linkLocal });
  }
  return gateways;
}

/** Of the network namespace of this process. A kernel without one of the families has no such file. */
export function readGateways(): ReadonlyMap<string, Gateway> {
  return gatewaysOf(textOf("/proc/net/route"), textOf("/proc/net/ipv6_route"));
}

function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

/** The addresses of the tests on the wire, and frames that ask for them. */
import { encodeArp } from "../../../speaker/packet/arp.ts";
import { encodeEthernet } from "../../../speaker/packet/ethernet.ts";
import { encodeNd, type NdMessage } from "../../../speaker/packet/ndp-codec.ts";
import { toHex } from "../packet/fixtures.ts";
import { CLIENT_MAC } from "./namespaces.ts";

export const VIP4 = "192.0.2.100";
export const VIP4_B = "192.0.2.101";
export const VIP6 = "2001:db8::100";
export const FREE4 = "192.0.2.200";
export const FREE6 = "2001:db8::200";
export const ALL = [VIP4, VIP4_B, VIP6];

export const frameOf = (write: (out: Uint8Array) => number) => {
  const out = new Uint8Array(128);
  return toHex(out.subarray(0, write(out)));
};
export const arpRequest = (targetIp: string, destination = "ff:ff:ff:ff:ff:ff", senderIp = "192.0.2.9") =>
  frameOf((out) => {
    const at = encodeEthernet({ destination, source: CLIENT_MAC, etherType: 0x0806 }, out, 0);
    const packet = {
      operation: "request",
      senderMac: CLIENT_MAC,
      senderIp,
      targetMac: "00:00:00:00:00:00",
      targetIp,
    } as const;
    return encodeArp(packet, out, at);
  });
export const solicitation = (destination: string, message: Omit<NdMessage & { type: "solicitation" }, "type">) =>
  frameOf((out) => {
    const at = encodeEthernet({ destination, source: CLIENT_MAC, etherType: 0x86dd }, out, 0);
    return encodeNd({ type: "solicitation", ...message }, out, at);
  });

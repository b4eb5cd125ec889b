import { expect, test } from "@jest/globals";
import { formatIp } from "../../../lib/address/ip.ts";
import { formatMac, parseMac } from "../../../lib/address/mac.ts";
import { multicastMac, solicitedNodeGroup } from "../../../lib/address/ndp.ts";
import { ip } from "./text.ts";

test("MAC text and bytes", () => {
  const bytes = Uint8Array.of(0x02, 0x00, 0x5e, 0x10, 0xab, 0xff);
  expect(parseMac("02:00:5E:10:ab:FF")).toEqual({ ok: true, value: bytes });
  expect(formatMac(bytes)).toBe("02:00:5e:10:ab:ff");
  expect(formatMac(Uint8Array.of(9, 9, ...bytes, 9), 2)).toBe("02:00:5e:10:ab:ff");
  expect(() => formatMac(bytes, 1)).toThrow(RangeError);
});

test.each(["", "02:00:5e:10:ab", "02:00:5e:10:ab:ff:00", "02-00-5e-10-ab-ff", "2:0:5e:10:ab:ff", "02:00:5e:10:ab:fg"])(
  "%j is refused",
  (text) => {
    expect(parseMac(text).ok).toBe(false);
  },
);

test.each([
  // RFC 4291 section 2.7.1 has the first line as its example.
  ["4037::01:800:200e:8c6c", "ff02::1:ff0e:8c6c", "33:33:ff:0e:8c:6c"],
  ["fd99::c8", "ff02::1:ff00:c8", "33:33:ff:00:00:c8"],
  ["fd99::ff12:3456", "ff02::1:ff12:3456", "33:33:ff:12:34:56"],
])("%s is solicited at %s, %s", (address, group, mac) => {
  expect(formatIp(solicitedNodeGroup(ip(address)))).toBe(group);
  expect(formatMac(multicastMac(solicitedNodeGroup(ip(address))))).toBe(mac);
});

test("an IPv4 group maps 23 bits", () => {
  expect(formatMac(multicastMac(ip("239.129.2.3")))).toBe("01:00:5e:01:02:03");
  expect(() => solicitedNodeGroup(ip("10.0.0.1"))).toThrow(RangeError);
});

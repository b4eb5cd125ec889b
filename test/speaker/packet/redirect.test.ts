import { expect, test } from "@jest/globals";
import { addressText } from "../../../speaker/packet/bytes.ts";
import { readRedirect } from "../../../speaker/packet/redirect.ts";
import { frame } from "./fixtures.ts";

test("whom the kernel has sent where", () => {
  const bytes = frame("redirect");
  const redirect = readRedirect(bytes, 0, bytes.length);
  expect(redirect).toMatchObject({ mac: "02:00:00:00:00:c1", address: "2001:db8::9" });
  expect(addressText(bytes, redirect?.targetAt ?? 0, 16)).toBe("2001:db8::100");
});

test("one to a router, another message and a short frame are none", () => {
  const bytes = frame("redirect");
  expect(readRedirect(bytes, 0, 93)).toBeUndefined();
  const toRouter = bytes.slice();
  toRouter[14 + 40 + 8 + 15] = 0xfe;
  expect(readRedirect(toRouter, 0, toRouter.length)).toBeUndefined();
  for (const name of ["na-solicited", "ns-multicast", "arp-request"]) {
    const other = frame(name);
    expect(readRedirect(other, 0, other.length)).toBeUndefined();
  }
});

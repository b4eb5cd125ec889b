import { describe, expect, test } from "@jest/globals";
import { interfaceFacts, withNetworks } from "../../speaker/interfaces.ts";
import { kernelAnswers, localAddresses } from "../../speaker/kernel.ts";
import type { Link, LinkAddress } from "../../speaker/net/messages.ts";
import { readArpIgnore } from "../../speaker/shell/arp-ignore.ts";
import { virtualIP } from "../sim/objects.ts";

const at = (address: string, prefixLength: number): LinkAddress => ({ address, prefixLength, metric: 0 });

function link(name: string, index: number, addresses: readonly LinkAddress[], broadcast = true): Link {
  const mac = `02:00:00:00:00:0${index}`;
  return { index, name, mac, carrier: broadcast, master: "", kind: "", broadcast, addresses };
}

const OWN = [at("10.0.0.1", 24), at("fd99::1", 64)];
const V4 = "10.0.0.100";
const V6 = "fd99::100";

describe("what the kernel answers for by itself", () => {
  test.each<[string, string, readonly Link[], Readonly<Record<string, number>>, boolean]>([
    ["nobody has it", V4, [link("eth0", 1, OWN)], { eth0: 0 }, false],
    ["kube-ipvs0 has it", V4, [link("eth0", 1, OWN), link("kube-ipvs0", 2, [at(V4, 32)], false)], { eth0: 0 }, true],
    ["strictARP", V4, [link("eth0", 1, OWN), link("kube-ipvs0", 2, [at(V4, 32)], false)], { eth0: 1 }, false],
    ["arp_ignore 2", V4, [link("eth0", 1, OWN), link("kube-ipvs0", 2, [at(V4, 32)], false)], { eth0: 2 }, false],
    ["arp_ignore not known", V4, [link("eth0", 1, OWN), link("lo", 2, [at(V4, 32)], false)], {}, true],
    ["kube-ipvs0 has another", V4, [link("eth0", 1, OWN), link("x", 2, [at("10.0.0.101", 32)], false)], {}, false],
    ["IPv6 on another device", V6, [link("eth0", 1, OWN), link("kube-ipvs0", 2, [at(V6, 128)], false)], {}, false],
    ["on the interface, whatever arp_ignore", V4, [link("eth0", 1, [...OWN, at(V4, 32)])], { eth0: 8 }, true],
    ["IPv6 on the interface", V6, [link("eth0", 1, [...OWN, at(V6, 128)])], { eth0: 0 }, true],
    [
      "one of two interfaces of the subnet answers",
      V4,
      [link("eth0", 1, OWN), link("eth1", 2, OWN), link("lo", 3, [at(V4, 32)], false)],
      { eth0: 1, eth1: 0 },
      true,
    ],
    ["no interface would carry it", V4, [link("lo", 3, [at(V4, 32)], false)], {}, false],
  ])("%s (%s)", (_name, address, links, ignore, answered) => {
    const facts = {
      interfaces: withNetworks(interfaceFacts(links)),
      local: localAddresses(links),
      arpIgnore: new Map(Object.entries(ignore)),
    };
    expect(kernelAnswers([virtualIP(address, 1)], facts)).toEqual(answered ? [address] : []);
  });

  test("sorted, whatever the order of the objects", () => {
    const links = [link("eth0", 1, [...OWN, at("10.0.0.103", 32), at("10.0.0.102", 32)])];
    const facts = {
      interfaces: withNetworks(interfaceFacts(links)),
      local: localAddresses(links),
      arpIgnore: new Map(),
    };
    const vips = ["10.0.0.103", "10.0.0.102"].map((address) => virtualIP(address, 1));
    expect(kernelAnswers(vips, facts)).toEqual(["10.0.0.102", "10.0.0.103"]);
  });
});

test.each<[string, Readonly<Record<string, string>>, readonly [string, number][]]>([
  ["its own", { all: "0\n", eth0: "1\n" }, [["eth0", 1]]],
  ["that of all", { all: "2\n", eth0: "0\n" }, [["eth0", 2]]],
  ["an interface that is gone", { all: "1\n" }, []],
])("arp_ignore: %s counts", (_name, files, expected) => {
  const read = (path: string): string => {
    const text = files[path.split("/").at(-2) ?? ""];
    if (text === undefined) throw new Error("ENOENT");
    return text;
  };
  expect([...readArpIgnore(["eth0"], read)]).toEqual(expected);
});

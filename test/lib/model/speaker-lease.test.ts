import { describe, expect, test } from "@jest/globals";
import type { Json } from "../../../lib/kube/api.ts";
import {
  factAnnotations,
  instanceId,
  isSamePod,
  parseSpeakerLease,
  type SpeakerLease,
  serializeInterfaces,
  serializeSpeakerLease,
  speakerLeaseName,
} from "../../../lib/model/speaker-lease.ts";

const raw = (annotations: Record<string, string>, spec: Json = {}, name = "berth-speaker-n1"): Json => ({
  metadata: { name, namespace: "berth-system", uid: "u", resourceVersion: "7", annotations },
  spec,
});
const interfacesOf = (text: string) => parseSpeakerLease(raw({ "berth.dev/interfaces": text }))?.facts.interfaces;
const eth0 = {
  name: "eth0",
  mac: "02:00:00:00:00:01",
  subnets: ["10.0.0.0/24", "fd00::/64"],
  carrier: true,
  linkLocal: "fe80::1",
  address4: "10.0.0.1",
  addresses: ["10.0.0.1", "10.0.0.7", "fd00::1"],
};

describe("the Lease of a speaker", () => {
  test("every field survives serializing and parsing", () => {
    const read = parseSpeakerLease(
      raw(
        {
          "berth.dev/interfaces": JSON.stringify([eth0]),
          "berth.dev/proxy-ready": "false",
          "berth.dev/kernel-answers": '["10.0.0.9"]',
          "berth.dev/uplink-lost": '["eth0"]',
          "berth.dev/segments": '{"eth0":"n1"}',
          "berth.dev/hearing": '{"eth0":false,"eth1":true}',
          "berth.dev/leaving": "true",
          "berth.dev/next-instance": "pod/2",
          "berth.dev/previous-instance": "pod/0",
          "berth.dev/fenced-by": "n2",
        },
        { holderIdentity: "pod/1", leaseTransitions: 3, renewTime: "2026-01-01T00:00:00.000000Z" },
      ),
    ) as SpeakerLease;
    expect(read).toMatchObject({
      node: "n1",
      instance: "pod/1",
      transitions: 3,
      facts: {
        interfaces: [eth0],
        proxyReady: false,
        kernelAnswers: ["10.0.0.9"],
        uplinkLost: ["eth0"],
        segments: { eth0: "n1" },
        hearing: { eth0: false, eth1: true },
      },
      leaving: true,
      nextInstance: "pod/2",
      previousInstance: "pod/0",
      fencedBy: "n2",
    });
    const again = parseSpeakerLease(serializeSpeakerLease(read));
    expect({ ...again, meta: undefined }).toEqual({ ...read, meta: undefined });
    expect(again?.meta).toMatchObject({ name: "berth-speaker-n1", labels: { "berth.dev/component": "speaker" } });
  });

  test("a released one has no holder, and no mark is written empty", () => {
    const released = parseSpeakerLease(raw({}));
    expect(released).toMatchObject({
      instance: "",
      leaving: false,
      nextInstance: "",
      fencedBy: "",
      facts: { interfaces: [], proxyReady: true, kernelAnswers: [], uplinkLost: [], segments: {}, hearing: {} },
    });
    const written = serializeSpeakerLease(released as SpeakerLease) as { metadata: Json; spec: Json };
    expect(written.metadata).toMatchObject({
      annotations: { "berth.dev/interfaces": "[]", "berth.dev/proxy-ready": "true", "berth.dev/kernel-answers": "[]" },
    });
    expect(Object.keys((written.metadata as { annotations: object }).annotations)).toEqual([
      "berth.dev/interfaces",
      "berth.dev/proxy-ready",
      "berth.dev/kernel-answers",
      "berth.dev/uplink-lost",
      "berth.dev/segments",
      "berth.dev/hearing",
    ]);
    expect(written.spec).not.toHaveProperty("holderIdentity");
  });

  test.each([
    ["another name", raw({}, {}, "berth-controller")],
    ["a name that ends in the prefix", raw({}, {}, "berth-speaker-")],
    ["no metadata", {}],
    ["no object", "x"],
  ])("%s is none", (_, object) => {
    expect(parseSpeakerLease(object)).toBeUndefined();
  });

  test.each<[string, string, Json]>([
    ["not JSON", "{", []],
    ["not a list", "{}", []],
    [
      "an interface without a MAC is left out",
      '[{"name":"a"},{"name":"b","mac":"02:00:00:00:00:0A"}]',
      [
        {
          name: "b",
          mac: "02:00:00:00:00:0a",
          subnets: [],
          carrier: false,
          linkLocal: "",
          address4: "",
          addresses: [],
        },
      ],
    ],
    [
      "a subnet that is none is left out",
      '[{"name":"b","mac":"02:00:00:00:00:0a","subnets":["10.0.0.0/24","x",7],"carrier":true}]',
      [
        {
          name: "b",
          mac: "02:00:00:00:00:0a",
          subnets: ["10.0.0.0/24"],
          carrier: true,
          linkLocal: "",
          address4: "",
          addresses: [],
        },
      ],
    ],
    [
      "what a newer version adds is ignored",
      '[{"name":"b","mac":"02:00:00:00:00:0a","speed":10}]',
      [
        {
          name: "b",
          mac: "02:00:00:00:00:0a",
          subnets: [],
          carrier: false,
          linkLocal: "",
          address4: "",
          addresses: [],
        },
      ],
    ],
    ["a name that no link has leaves the interface out", JSON.stringify([{ ...eth0, name: "x".repeat(16) }]), []],
    ["a MAC that is none leaves it out", JSON.stringify([{ ...eth0, mac: "02:00:00:00:00" }]), []],
  ])("facts: %s", (_, text, expected) => {
    expect(interfacesOf(text)).toEqual(expected);
  });

  test.each<[string, string, string, string]>([
    ["junk", "junk", "", ""],
    ["of the other family", "fe80::1", "fe80::1", ""],
    ["IPv4", "10.0.0.1", "", "10.0.0.1"],
    ["no link-local one", "2001:db8::1", "", ""],
    ["just before fe80::/10", "fe7f:ffff::1", "", ""],
    ["just behind it", "fec0::1", "", ""],
    ["its last", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff", ""],
    ["with a zone", "fe80::1%eth0", "", ""],
    ["not in canonical form", "FE80:0::1", "fe80::1", ""],
    ["no address of four bytes", "10.0.0.256", "", ""],
    ["three numbers", "10.0.1", "", ""],
  ])("an own address that is %s is taken only where it fits", (_, text, linkLocal, address4) => {
    const read = interfacesOf(JSON.stringify([{ ...eth0, linkLocal: text, address4: text }]));
    expect(read).toEqual([{ ...eth0, linkLocal, address4 }]);
  });

  test("own addresses in canonical form, 64 of them at most; none from an older speaker", () => {
    const read = (addresses?: Json) => interfacesOf(JSON.stringify([{ ...eth0, addresses }]))?.[0]?.addresses;
    expect(read(["10.0.0.1", "FD00::0:1", "junk", 7])).toEqual(["10.0.0.1", "fd00::1"]);
    expect([read(), read("10.0.0.1")]).toEqual([[], []]);
    const many = Array.from({ length: 100 }, (_, index) => `10.0.0.${index + 1}`);
    expect(read(many)).toEqual(many.slice(0, 64));
  });

  test("at most 64 interfaces are read", () => {
    const many = Array.from({ length: 100 }, (_, index) => ({ ...eth0, name: `eth${index}` }));
    expect(interfacesOf(JSON.stringify(many))).toHaveLength(64);
  });

  test("the node's own order of its interfaces is kept, of two of them and of too many", () => {
    const many = Array.from({ length: 100 }, (_, index) => ({ ...eth0, name: `eth${100 - index}` }));
    const read = interfacesOf(serializeInterfaces({ interfaces: many }));
    expect(read?.map((one) => one.name)).toEqual(many.slice(0, 64).map((one) => one.name));
  });

  test("at most 1,000 addresses that the kernel answers for are written, and read; what is no list says nothing", () => {
    const many = Array.from({ length: 1_200 }, (_, index) => `10.0.${index >> 8}.${index & 255}`);
    const written = factAnnotations({
      interfaces: [],
      proxyReady: true,
      kernelAnswers: many,
      uplinkLost: [],
      segments: {},
      hearing: {},
    });
    expect(JSON.parse(written["berth.dev/kernel-answers"] ?? "")).toEqual(many.slice(0, 1_000));
    const read = (text: string) => parseSpeakerLease(raw({ "berth.dev/kernel-answers": text }))?.facts.kernelAnswers;
    expect([read(JSON.stringify(many))?.length, read("{"), read('["a",1]')]).toEqual([1_000, [], ["a"]]);
  });

  test("equal facts give equal text, whatever the order of the subnets", () => {
    const turned = { ...eth0, subnets: [...eth0.subnets].reverse() };
    expect(serializeInterfaces({ interfaces: [turned] })).toBe(serializeInterfaces({ interfaces: [eth0] }));
    expect(serializeInterfaces({ interfaces: [eth0] })).not.toBe(
      serializeInterfaces({ interfaces: [{ ...eth0, carrier: false }] }),
    );
  });

  test.each([
    ["pod/1", "pod/2", true],
    ["pod/1", "pod2/1", false],
    ["po/1", "pod/1", false],
    ["/1", "/2", false],
    ["", "pod/1", false],
    ["pod", "pod/1", false],
  ])("%s and %s are processes of one pod: %s", (left, right, expected) => {
    expect(isSamePod(left, right)).toBe(expected);
  });

  test("names", () => {
    expect([speakerLeaseName("n1"), instanceId("pod", "x")]).toEqual(["berth-speaker-n1", "pod/x"]);
  });
});

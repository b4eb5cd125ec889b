/** API objects as the API server sends them, and what is left of them inside. */
import { describe, expect, test } from "@jest/globals";
import type { Json } from "../../../lib/kube/api.ts";
import {
  findCondition,
  parseConditions,
  saysAlready,
  stampCondition,
  withCondition,
} from "../../../lib/model/conditions.ts";
import { asInteger, fields, items, parseMeta, texts } from "../../../lib/model/decode.ts";
import { parseEndpointSlice } from "../../../lib/model/endpoint-slice.ts";
import { parseIPPool } from "../../../lib/model/ip-pool.ts";
import type { Labels } from "../../../lib/model/meta.ts";
import { isExcluded, isOutOfService, parseNode } from "../../../lib/model/node.ts";
import {
  l2RulesJson,
  matchesSelector,
  parseL2Rules,
  parseLabelSelector,
  preferenceOf,
} from "../../../lib/model/selector.ts";
import { parseService } from "../../../lib/model/service.ts";
import { parseVirtualIP } from "../../../lib/model/virtual-ip.ts";

const NOT_OBJECTS: readonly Json[] = [
  null,
  true,
  7,
  "text",
  [],
  {},
  { metadata: {} },
  { metadata: { name: "" } },
  { metadata: { name: 7 } },
];

describe.each([
  ["parseMeta", parseMeta],
  ["parseNode", parseNode],
  ["parseService", parseService],
  ["parseIPPool", parseIPPool],
  ["parseVirtualIP", parseVirtualIP],
  ["parseEndpointSlice", parseEndpointSlice],
] as const)("%s", (_, parse) => {
  test.each(NOT_OBJECTS)("refuses %j and throws nothing", (raw) => {
    expect(parse(raw)).toBeUndefined();
  });
});

test("decoding keeps to types", () => {
  expect([asInteger(1.5), asInteger("1"), asInteger(2 ** 53), asInteger(-3)]).toEqual([
    undefined,
    undefined,
    undefined,
    -3,
  ]);
  expect(items({ 0: "a" })).toEqual([]);
  expect(fields([1])).toEqual({});
  expect(texts(["a", 1, null, "b"])).toEqual(["a", "b"]);
});

test("metadata", () => {
  const raw = {
    metadata: {
      namespace: "default",
      name: "web",
      uid: "u",
      resourceVersion: "12",
      generation: 3,
      creationTimestamp: "2026-01-01T00:00:00Z",
      labels: { a: "b", wrong: 7 },
      finalizers: ["x"],
    },
  };
  expect(parseMeta(raw)).toEqual({
    ...raw.metadata,
    labels: { a: "b" },
    annotations: {},
    deletionTimestamp: undefined,
  });
});

test("a Node", () => {
  const node = parseNode({
    metadata: { name: "n1", labels: { "node.kubernetes.io/exclude-from-external-load-balancers": "" } },
    spec: { taints: [{ key: "node.kubernetes.io/out-of-service", value: "nodeshutdown", effect: "NoExecute" }] },
    status: {
      conditions: [
        { type: "Ready", status: "Unknown" },
        { type: "NetworkUnavailable", status: "True" },
      ],
      addresses: [{ type: "InternalIP", address: "10.0.0.11" }],
    },
  });
  expect(node).toMatchObject({
    ready: false,
    networkUnavailable: true,
    addresses: [{ type: "InternalIP", address: "10.0.0.11" }],
  });
  expect(node && [isExcluded(node), isOutOfService(node)]).toEqual([true, true]);
  const plain = parseNode({ metadata: { name: "n2" }, status: { conditions: [{ type: "Ready", status: "True" }] } });
  expect(plain).toMatchObject({ ready: true, networkUnavailable: false });
  expect(plain && [isExcluded(plain), isOutOfService(plain)]).toEqual([false, false]);
});

describe("EndpointSlice", () => {
  test.each([
    [{}, { ready: true, serving: true, terminating: false }],
    [{ ready: null }, { ready: true, serving: true, terminating: false }],
    [{ ready: false }, { ready: false, serving: false, terminating: false }],
    [
      { ready: false, serving: true, terminating: true },
      { ready: false, serving: true, terminating: true },
    ],
  ])("conditions %j", (conditions, expected) => {
    const slice = parseEndpointSlice({
      metadata: { namespace: "default", name: "web-x", labels: { "kubernetes.io/service-name": "web" } },
      addressType: "IPv6",
      endpoints: [{ addresses: ["fd00::1"], nodeName: "n1", conditions }],
    });
    expect(slice).toMatchObject({ service: "web", addressType: "IPv6", endpoints: [{ nodeName: "n1", ...expected }] });
  });

  test("of no known address type", () => {
    expect(parseEndpointSlice({ metadata: { name: "x" }, addressType: "IPX" })).toBeUndefined();
  });
});

test("a Service", () => {
  const service = parseService({
    metadata: { namespace: "default", name: "web" },
    spec: {
      type: "LoadBalancer",
      ipFamilies: ["IPv6", "IPv4"],
      ipFamilyPolicy: "RequireDualStack",
      externalTrafficPolicy: "Local",
      ports: [{ port: 80 }, { name: "dns", protocol: "UDP", port: 53 }],
    },
    status: { loadBalancer: { ingress: [{ ip: "10.0.0.1", ipMode: "VIP" }, { hostname: "cloud.example" }] } },
  });
  expect(service).toMatchObject({
    loadBalancerClass: undefined,
    ipFamilies: ["IPv6", "IPv4"],
    ipFamilyPolicy: "RequireDualStack",
    externalTrafficPolicy: "Local",
    ports: [
      { name: "", protocol: "TCP", port: 80 },
      { name: "dns", protocol: "UDP", port: 53 },
    ],
    ingress: [
      { ip: "10.0.0.1", ipMode: "VIP", hostname: "" },
      { ip: "", ipMode: "", hostname: "cloud.example" },
    ],
  });
});

describe("a VirtualIP whose parts are missing decides nothing", () => {
  const spec = { address: "10.0.0.1", pool: "first", services: [] };
  test.each([
    ["as it should be", { spec }, true],
    ["released", { spec, status: { holder: { node: "", epoch: 4 } } }, true],
    ["no address", { spec: { ...spec, address: null } }, false],
    ["a holder without an epoch", { spec, status: { holder: { node: "n1" } } }, false],
    ["a holder without a node", { spec, status: { holder: { epoch: 1 } } }, false],
    ["a Service without a uid", { spec: { ...spec, services: [{ namespace: "a", name: "b", ports: [] }] } }, false],
    [
      "a selector that cannot be read",
      { spec: { ...spec, l2: { nodeSelector: { matchExpressions: [{ key: "a", operator: "Is" }] } } } },
      false,
    ],
  ])("%s", (_, object, readable) => {
    expect(parseVirtualIP({ metadata: { name: "10.0.0.1" }, ...object }) !== undefined).toBe(readable);
  });
});

test.each([
  ["02:00:00:00:00:0A", "02:00:00:00:00:0a"],
  ["02:00:00:00:00", ""],
  ["junk", ""],
  ["", ""],
])("a holder with the MAC %j is asked for by %j", (mac, read) => {
  const spec = { address: "10.0.0.1", services: [] };
  const status = { holder: { node: "n1", epoch: 4, mac } };
  expect(parseVirtualIP({ metadata: { name: "10.0.0.1" }, spec, status })?.holder?.mac).toBe(read);
});

describe("selectors", () => {
  const LABELS: Labels = { rack: "a", edge: "" };
  test.each([
    ["nothing takes everything", {}, true],
    ["a label", { matchLabels: { rack: "a" } }, true],
    ["another value", { matchLabels: { rack: "b" } }, false],
    ["every label", { matchLabels: { rack: "a", zone: "z" } }, false],
    ["In", { matchExpressions: [{ key: "rack", operator: "In", values: ["b", "a"] }] }, true],
    ["In, not there", { matchExpressions: [{ key: "zone", operator: "In", values: ["z"] }] }, false],
    ["NotIn", { matchExpressions: [{ key: "rack", operator: "NotIn", values: ["a"] }] }, false],
    ["NotIn, not there", { matchExpressions: [{ key: "zone", operator: "NotIn", values: ["z"] }] }, true],
    ["Exists, empty value", { matchExpressions: [{ key: "edge", operator: "Exists" }] }, true],
    ["Exists, a name that every object has", { matchExpressions: [{ key: "constructor", operator: "Exists" }] }, false],
    ["DoesNotExist", { matchExpressions: [{ key: "edge", operator: "DoesNotExist" }] }, false],
    [
      "both must hold",
      { matchLabels: { rack: "a" }, matchExpressions: [{ key: "edge", operator: "DoesNotExist" }] },
      false,
    ],
  ])("%s", (_, raw, expected) => {
    const selector = parseLabelSelector(raw);
    expect(selector).toBeDefined();
    expect(matchesSelector(selector, LABELS)).toBe(expected);
  });

  test("no selector takes everything, one that cannot be read takes the whole block", () => {
    expect(matchesSelector(undefined, LABELS)).toBe(true);
    expect(parseL2Rules({ nodeSelector: { matchExpressions: [{ operator: "In" }] } })).toBeUndefined();
    expect(parseL2Rules({ preferred: [{ weight: 1, selector: { matchExpressions: [{}] } }] })).toBeUndefined();
    expect(parseL2Rules({ preferred: [{ weight: 1 }] })).toBeUndefined();
    expect(parseL2Rules({ preferred: [{ selector: { matchLabels: { a: "b" } } }] })).toBeUndefined();
    expect(parseL2Rules(undefined)).toEqual({ interfaces: [], nodeSelector: undefined, preferred: [] });
  });

  test("a node's preference is the sum of the weights that take it", () => {
    const rules = parseL2Rules({
      preferred: [
        { weight: 50, selector: { matchLabels: { rack: "a" } } },
        { weight: 20, selector: { matchExpressions: [{ key: "edge", operator: "Exists" }] } },
        { weight: 7, selector: { matchLabels: { rack: "b" } } },
      ],
    });
    const of = (labels: Readonly<Record<string, string>>) => preferenceOf(rules?.preferred ?? [], labels);
    expect([of({ rack: "a", edge: "" }), of({ rack: "b", edge: "" }), of({ edge: "" }), of({})]).toEqual([
      70, 27, 20, 0,
    ]);
  });

  test("rules read back as they were written", () => {
    const raw = {
      interfaces: ["eth*"],
      nodeSelector: { matchLabels: { a: "b" }, matchExpressions: [{ key: "c", operator: "Exists" }] },
      preferred: [
        { weight: 100, selector: { matchLabels: { a: "b" } } },
        { weight: 1, selector: { matchExpressions: [{ key: "c", operator: "In", values: ["d"] }] } },
      ],
    };
    const rules = parseL2Rules(raw);
    expect(rules && l2RulesJson(rules)).toEqual(raw);
  });
});

describe("conditions", () => {
  const old = parseConditions([
    { type: "A", status: "True", reason: "R", message: "m", lastTransitionTime: "2026-01-01T00:00:00Z" },
    { type: "B", status: "Sometimes" },
    { status: "True" },
  ]);

  test("those that can be read", () => {
    expect(old.map((condition) => condition.type)).toEqual(["A"]);
  });

  test.each([
    ["same status, new reason: the time stays", { status: "True", reason: "S" }, "2026-01-01T00:00:00Z"],
    ["new status: the time moves", { status: "False", reason: "R" }, "NOW"],
  ] as const)("%s", (_, { status, reason }, time) => {
    const claim = { type: "A", status, reason, message: "m" };
    expect(saysAlready(old, claim)).toBe(false);
    const stamped = stampCondition(old, claim, { nowText: "NOW", observedGeneration: 2 });
    expect(stamped).toEqual({ ...claim, lastTransitionTime: time, observedGeneration: 2 });
    expect(saysAlready(withCondition(old, stamped), claim)).toBe(true);
  });

  test("a new type goes to the end, others stay", () => {
    const stamped = stampCondition(
      old,
      { type: "C", status: "True", reason: "R", message: "" },
      { nowText: "NOW", observedGeneration: undefined },
    );
    expect(withCondition(old, stamped).map((condition) => condition.type)).toEqual(["A", "C"]);
    expect(findCondition(old, "C")).toBeUndefined();
  });
});

import { describe, expect, test } from "@jest/globals";
import { parseIp } from "../../lib/address/ip.ts";
import {
  type AddressFacts,
  candidatesOf,
  type EndpointFacts,
  type NodeFacts,
  type NodeObjectFacts,
  type SpeakerFacts,
} from "../../speaker/candidates.ts";
import { withNetworks } from "../../speaker/interfaces.ts";
import { rendezvousOrder, rendezvousWeight } from "../../speaker/rendezvous.ts";

const CLUSTER: EndpointFacts = { hasServices: true, anywhere: true, readyNodes: undefined, servingNodes: undefined };

function address(changes: Partial<AddressFacts> = {}, text = "10.0.0.100"): AddressFacts {
  const ip = parseIp(text);
  if (!ip.ok) throw new Error(ip.reason);
  return {
    address: text,
    ip: ip.value,
    l2: { interfaces: [], nodeSelector: undefined, preferred: [] },
    endpoints: CLUSTER,
    ...changes,
  };
}

const eth0 = {
  name: "eth0",
  mac: "02:00:00:00:00:01",
  subnets: ["10.0.0.0/24"],
  carrier: true,
  linkLocal: "",
  address4: "10.0.0.1",
  addresses: ["10.0.0.1"],
};

interface Changes {
  readonly node?: Partial<NodeObjectFacts> | null;
  readonly speaker?: Partial<SpeakerFacts> | null;
  readonly interfaces?: readonly (typeof eth0)[];
}

function node(name: string, changes: Changes = {}): NodeFacts {
  const object: NodeObjectFacts = {
    labels: {},
    ready: true,
    networkUnavailable: false,
    excluded: false,
    outOfService: false,
  };
  const interfaces = withNetworks(changes.interfaces ?? [eth0]);
  const speaker: SpeakerFacts = {
    instance: `i-${name}`,
    expired: false,
    leaving: false,
    interfaces,
    proxyReady: true,
    kernelAnswers: new Set(),
    uplinkLost: new Set(),
    hearing: {},
  };
  return {
    name,
    node: changes.node === null ? undefined : { ...object, ...changes.node },
    speaker: changes.speaker === null ? undefined : { ...speaker, ...changes.speaker },
  };
}

const local = (ready: readonly string[], serving: readonly string[] = ready): EndpointFacts => ({
  hasServices: true,
  anywhere: serving.length > 0,
  readyNodes: new Set(ready),
  servingNodes: new Set(serving),
});
const selector = { matchLabels: { zone: "a" }, matchExpressions: [] };

describe("hard rules: each exclusion has its name", () => {
  test.each<[string, Changes, Partial<AddressFacts>, string]>([
    ["a plain node", {}, {}, "candidate"],
    ["no Service", {}, { endpoints: { ...CLUSTER, hasServices: false } }, "no-service"],
    ["no endpoint anywhere", {}, { endpoints: { ...CLUSTER, anywhere: false } }, "no-endpoint"],
    ["no Node object", { node: null }, {}, "node-unknown"],
    ["out of service", { node: { outOfService: true } }, {}, "out-of-service"],
    ["excluded by label", { node: { excluded: true } }, {}, "exclude-label"],
    ["not selected", {}, { l2: { interfaces: [], nodeSelector: selector, preferred: [] } }, "node-selector"],
    [
      "selected",
      { node: { labels: { zone: "a" } } },
      { l2: { interfaces: [], nodeSelector: selector, preferred: [] } },
      "candidate",
    ],
    ["no speaker", { speaker: null }, {}, "no-speaker"],
    ["Lease expired", { speaker: { expired: true } }, {}, "speaker-lease-expired"],
    ["leaving", { speaker: { leaving: true } }, {}, "speaker-leaving"],
    ["its kernel has it", { speaker: { kernelAnswers: new Set(["10.0.0.100"]) } }, {}, "answered-by-kernel"],
    ["its kernel has another", { speaker: { kernelAnswers: new Set(["10.0.0.101"]) } }, {}, "candidate"],
    ["no interface in the subnet", { interfaces: [{ ...eth0, subnets: ["10.9.0.0/24"] }] }, {}, "no-interface"],
    [
      "no interface of that name",
      {},
      { l2: { interfaces: ["bond*"], nodeSelector: undefined, preferred: [] } },
      "no-such-interface",
    ],
    [
      "named, without an address there",
      { interfaces: [{ ...eth0, subnets: [] }] },
      { l2: { interfaces: ["eth?"], nodeSelector: undefined, preferred: [] } },
      "candidate",
    ],
    ["no carrier", { interfaces: [{ ...eth0, carrier: false }] }, {}, "no-carrier"],
    ["ETP Local, ready here", {}, { endpoints: local(["n1"]) }, "candidate"],
    ["ETP Local, ready elsewhere", {}, { endpoints: local(["n2"]) }, "no-local-endpoint"],
    ["ETP Local, terminating here", {}, { endpoints: local(["n2"], ["n1", "n2"]) }, "local-endpoint-terminating"],
    ["not ready", { node: { ready: false } }, {}, "demoted"],
    ["kube-proxy not ready", { speaker: { proxyReady: false } }, {}, "demoted"],
    ["its gateway does not answer it", { speaker: { uplinkLost: new Set(["eth0"]) } }, {}, "demoted"],
    ["the gateway of another interface does not", { speaker: { uplinkLost: new Set(["eth1"]) } }, {}, "candidate"],
    ["network unavailable", { node: { networkUnavailable: true } }, {}, "demoted"],
  ])("%s", (_name, changes, facts, verdict) => {
    const { ordered, excluded } = candidatesOf(address(facts), [node("n1", changes)]);
    const found = ordered[0] === undefined ? excluded[0]?.reason : ordered[0].demoted ? "demoted" : "candidate";
    expect(found).toBe(verdict);
    expect(ordered.length + excluded.length).toBe(1);
  });
});

describe("who hears nobody (E1)", () => {
  const hearing = (name: string, eth: boolean | undefined, changes: Changes = {}) =>
    node(name, { ...changes, speaker: { hearing: eth === undefined ? {} : { eth0: eth } } });
  const order = (...nodes: readonly NodeFacts[]) => candidatesOf(address(), nodes).ordered.map((one) => one.node);
  const [first = "", second = "", third = ""] = rendezvousOrder("10.0.0.100", ["n1", "n2", "n3"]);

  test("comes last while another one hears, behind those that are demoted for something else", () => {
    const notReady = { node: { ready: false } };
    const nodes = [hearing(first, false), hearing(second, true, notReady), hearing(third, undefined)];
    expect(order(...nodes)).toEqual([third, second, first]);
    const { ordered } = candidatesOf(address(), nodes);
    expect(ordered.map(({ isolated, demoted }) => [isolated, demoted])).toEqual([
      [false, false],
      [false, true],
      [true, true],
    ]);
  });

  test.each<[string, readonly (boolean | undefined)[]]>([
    ["nobody hears anybody", [false, false, false]],
    ["of the others nothing is known, as of older speakers", [false, undefined, undefined]],
    ["all hear", [true, true, true]],
  ])("the order is as ever: %s", (_, told) => {
    const nodes = [first, second, third].map((name, at) => hearing(name, told[at]));
    expect(order(...nodes)).toEqual([first, second, third]);
    expect(candidatesOf(address(), nodes).ordered.filter(({ demoted }) => demoted)).toEqual([]);
  });

  test("whoever may not hold it does not count as one that hears", () => {
    const excluded = { node: { excluded: true } };
    expect(order(hearing(first, false), hearing(second, true, excluded), hearing(third, undefined))).toEqual([
      first,
      third,
    ]);
  });

  test("another interface of its own says nothing", () => {
    const other = node(first, { speaker: { hearing: { eth1: false } } });
    expect(order(other, hearing(second, true))).toEqual([first, second]);
  });
});

describe("two rules at once", () => {
  const zone = { node: { labels: { zone: "a" } } };
  const eth1 = { ...eth0, name: "eth1" };

  test("35: selector and interface: both must fit, and that interface is the one", () => {
    const facts = address({ l2: { interfaces: ["eth1"], nodeSelector: selector, preferred: [] } });
    const { ordered, excluded } = candidatesOf(facts, [
      node("n1", { ...zone, interfaces: [eth0, eth1] }),
      node("n2", { interfaces: [eth0, eth1] }),
      node("n3", zone),
    ]);
    expect(ordered).toMatchObject([{ node: "n1", interface: "eth1" }]);
    expect(excluded).toMatchObject([
      { node: "n2", reason: "node-selector" },
      { node: "n3", reason: "no-such-interface" },
    ]);
  });

  test("38: selector and ETP Local: of the selected nodes the one with the endpoint", () => {
    const facts = address({
      l2: { interfaces: [], nodeSelector: selector, preferred: [] },
      endpoints: local(["n2", "n3"]),
    });
    const { ordered, excluded } = candidatesOf(facts, [node("n1", zone), node("n2", zone), node("n3")]);
    expect(ordered).toMatchObject([{ node: "n2" }]);
    expect(excluded.map((one) => one.node)).toEqual(["n1", "n3"]);
  });
});

describe("order", () => {
  const names = ["n1", "n2", "n3", "n4"];

  test("soft rules demote behind everybody, and silence nobody", () => {
    const all = names.map((name) => node(name, { node: { ready: name === "n3" } }));
    expect(candidatesOf(address(), all).ordered.map((one) => one.node)[0]).toBe("n3");
    const none = names.map((name) => node(name, { node: { ready: false } }));
    const order = candidatesOf(address(), none).ordered.map((one) => one.node);
    expect(order).toEqual(rendezvousOrder("10.0.0.100", names));
  });

  test("the pool's preference comes before the hash, behind the soft rules, and weights add up", () => {
    const labels: Record<string, Readonly<Record<string, string>>> = {
      n1: { edge: "yes" },
      n2: { rack: "a" },
      n3: { edge: "yes", rack: "a" },
      n4: {},
    };
    const preferred = [
      { weight: 50, selector: { matchLabels: { edge: "yes" }, matchExpressions: [] } },
      { weight: 40, selector: { matchLabels: { rack: "a" }, matchExpressions: [] } },
    ];
    const facts = address({ l2: { interfaces: [], nodeSelector: undefined, preferred } });
    const order = (down: string) => {
      const all = names.map((name) => node(name, { node: { labels: labels[name] ?? {}, ready: name !== down } }));
      return candidatesOf(facts, all).ordered.map((one) => `${one.node} ${one.preference}`);
    };
    expect(order("")).toEqual(["n3 90", "n1 50", "n2 40", "n4 0"]);
    expect(order("n3")).toEqual(["n1 50", "n2 40", "n4 0", "n3 90"]);
  });

  test("nobody preferred is present: the order is the plain one", () => {
    const preferred = [{ weight: 9, selector: { matchLabels: { edge: "no" }, matchExpressions: [] } }];
    const facts = address({ l2: { interfaces: [], nodeSelector: undefined, preferred } });
    const all = names.map((name) => node(name));
    expect(candidatesOf(facts, all).ordered.map((one) => one.node)).toEqual(rendezvousOrder("10.0.0.100", names));
  });

  test("the same on every node, whatever the order of the input", () => {
    const forward = candidatesOf(
      address(),
      names.map((name) => node(name)),
    );
    const backward = candidatesOf(address(), names.map((name) => node(name)).reverse());
    expect(backward).toEqual(forward);
  });

  test("a node that goes moves only its own addresses", () => {
    const left = names.filter((name) => name !== "n2");
    for (let index = 0; index < 200; index++) {
      const order = rendezvousOrder(`10.0.1.${index}`, names);
      expect(rendezvousOrder(`10.0.1.${index}`, left)).toEqual(order.filter((name) => name !== "n2"));
    }
  });

  test("addresses are spread: each of ten nodes is first for 5 to 15 % of a thousand, of both families", () => {
    const nodes = Array.from({ length: 10 }, (_, index) => `worker-${index}.example.internal`);
    for (const text of ["10.1.", "fd99::"]) {
      const firsts = new Map<string, number>();
      for (let index = 0; index < 1_000; index++) {
        const at = text === "10.1." ? `10.1.${index >> 8}.${index & 255}` : `fd99::${index.toString(16)}`;
        const first = rendezvousOrder(at, nodes)[0] ?? "";
        firsts.set(first, (firsts.get(first) ?? 0) + 1);
      }
      expect(firsts.size).toBe(10);
      for (const count of firsts.values()) {
        expect(count).toBeGreaterThan(50);
        expect(count).toBeLessThan(150);
      }
    }
  });

  test("address and node do not run into each other", () => {
    expect(rendezvousWeight("10.0.0.1", "1n")).not.toBe(rendezvousWeight("10.0.0.11", "n"));
  });
});

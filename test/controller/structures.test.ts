/** What makes a choice among thousands of pools cheap says the same as what is simple. */
import { describe, expect, test } from "@jest/globals";
import { bitSet, common, flipped } from "../../controller/bit-set.ts";
import { drawOrder } from "../../controller/drawing.ts";
import { createLedger, setPools } from "../../controller/ledger.ts";
import { entryAt, persistentList, withEntry } from "../../controller/persistent-list.ts";
import { activePools, type Pools, setPool } from "../../controller/pools.ts";
import { type IPPool, parseIPPool } from "../../lib/model/ip-pool.ts";
import { matchesSelector } from "../../lib/model/selector.ts";
import { seededRandom } from "../../lib/runtime/random.ts";
import { must, serviceOf } from "./objects.ts";

describe("a set of bits", () => {
  test("has in common with another one what both have, in ascending order", () => {
    const one = bitSet([0, 31, 32, 63, 64, 95], 96);
    const other = bitSet([0, 1, 31, 63, 64, 94], 96);
    expect([...common(one, other)]).toEqual([0, 31, 63, 64]);
    expect([...common(bitSet([], 0), bitSet([], 0))]).toEqual([]);
  });

  test("that is flipped is another one", () => {
    const before = bitSet([31], 40);
    const after = flipped(flipped(before, 31), 33);
    expect([...common(before, before)]).toEqual([31]);
    expect([...common(after, after)]).toEqual([33]);
  });
});

describe("a list of which one entry changes", () => {
  test.each([0, 1, 31, 32, 33, 1_024, 1_025, 40_000])("%d entries", (length) => {
    const plain = Array.from({ length }, (_, at) => at);
    const list = persistentList(plain);
    const random = seededRandom(length);
    let changed = list;
    for (let round = 0; round < Math.min(length, 100); round++) {
      const at = Math.floor(random() * length);
      plain[at] = -round;
      changed = withEntry(changed, at, -round);
    }
    expect(plain.map((_, at) => entryAt(changed, at))).toEqual(plain);
    expect(plain.every((_, at) => entryAt(list, at) === at)).toBe(true);
    expect(entryAt(list, length)).toBeUndefined();
  });
});

describe("the pools that a Service may draw from by its labels", () => {
  const NAMES = ["team", "tier", "zone"];
  const OPERATORS = ["In", "NotIn", "Exists", "DoesNotExist"];

  /** Rules of every kind, and Services with labels that no rule asks for. */
  test("are those whose rule takes them, however many sets of labels there are", () => {
    const random = seededRandom(3);
    const pick = <T>(all: readonly T[]): T => must(all[Math.floor(random() * all.length)]);
    const pools = Array.from({ length: 50 }, (_, at): IPPool => {
      const operator = pick(OPERATORS);
      const values = operator.endsWith("In") ? [pick(["a", "b"])] : [];
      const matchLabels = random() < 0.5 ? { [pick(NAMES)]: pick(["a", "b"]) } : {};
      const serviceSelector = { matchLabels, matchExpressions: [{ key: pick(NAMES), operator, values }] };
      const spec = { addresses: [`10.0.${at}.0/31`], ...(random() < 0.7 ? { serviceSelector } : {}) };
      const name = `p${at}`;
      return must(parseIPPool({ metadata: { name, uid: name, generation: 1, resourceVersion: "1" }, spec }));
    });
    const ledger = createLedger();
    const known = pools.reduce((all: Pools, pool) => setPool(all, pool.meta.name, pool), new Map());
    setPools(ledger, activePools(known));
    const world = { ledger, namespaceLabels: () => undefined };
    for (let round = 0; round < 1_000; round++) {
      const labels: Record<string, string> = { "app.kubernetes.io/name": `web-${round}` };
      for (const name of NAMES) if (random() < 0.6) labels[name] = pick(["a", "b", `c${Math.floor(random() * 99)}`]);
      const { among } = drawOrder(world, serviceOf("web", { labels }), undefined);
      const found = [...common(must(among), must(among))].map((at) => ledger.allocator.pools[at]?.name);
      const all = ledger.allocator.pools.filter(({ drawers }) => matchesSelector(drawers.serviceSelector, labels));
      expect(found).toEqual(all.map(({ name }) => name));
    }
  });

  test("labels that no rule asks for make no difference, and cost nothing to remember", () => {
    const ledger = createLedger();
    const pool = must(parseIPPool({ metadata: { name: "p", uid: "p" }, spec: { addresses: ["10.0.0.0/31"] } }));
    setPools(ledger, activePools(setPool(new Map(), "p", pool)));
    const world = { ledger, namespaceLabels: () => undefined };
    const orderOf = (name: string) => drawOrder(world, serviceOf("web", { labels: { name } }), undefined);
    expect(orderOf("a")).toBe(orderOf("b"));
  });
});

/** So many of something that not all of it can be named: what is said stays within what the API server takes. docs/troubleshooting.md. */
import { expect, test } from "@jest/globals";
import { eventJson } from "../../../controller/events.ts";
import { createLedger, setPools } from "../../../controller/ledger.ts";
import { planPoolStatus } from "../../../controller/pool-status.ts";
import { activePools, type Pools, setPool } from "../../../controller/pools.ts";
import { fields } from "../../../lib/model/decode.ts";
import { readCrd, schemaOf, violations } from "../../crds/schema.ts";
import { must, poolOf } from "../objects.ts";
import { conditionsOf, Scene } from "./scene.ts";

const STATUS = schemaOf(readCrd("ippool.yaml")).properties?.["status"];

/** The status of each pool fits the schema, and is not written any more. */
async function expectFit(scene: Scene, ...pools: readonly string[]): Promise<void> {
  for (const pool of pools) expect(STATUS && violations(STATUS, scene.poolStatus(pool))).toEqual([]);
  const from = scene.api.events.length;
  scene.restart();
  await scene.settle();
  expect(scene.writes("ippools", from)).toBe(0);
}

test("400 pools that overlap: the first of them are named, and how many more there are", () => {
  const small = Array.from({ length: 400 }, (_, at) =>
    poolOf(`a-pool-with-a-rather-long-name-${at}`, [`10.0.${at % 256}.${at < 256 ? 0 : 128}/25`]),
  );
  const wide = poolOf("wide", ["10.0.0.0/8"], { priority: 1 });
  const pools = [...small, wide].reduce((all: Pools, pool) => setPool(all, pool.meta.name, pool), new Map());
  const ledger = createLedger();
  setPools(ledger, activePools(pools));
  const { apply } = planPoolStatus(must(pools.get("wide")), ledger, "2026-11-01T00:00:00Z");
  const status = fields(fields(apply)["status"]);
  expect(STATUS && violations(STATUS, status)).toEqual([]);
  expect(conditionsOf(status)[0]).toMatchObject({ message: expect.stringMatching(/^10\.0\.0\.0-.*; and 384 more$/) });
});

test("256 ranges that repeat each other", async () => {
  const scene = new Scene();
  scene.pool("first", Array<string>(256).fill("fd99::1111:2222:3333:4444-fd99::1111:2222:3333:5555"));
  await scene.settle();
  expect(scene.poolSays("first")).toMatch(/^True Valid: spec.addresses\[1\]: .*; and 239 more$/);
  await expectFit(scene, "first");
});

test("256 ranges that cannot be read, and 256 that stay in force", async () => {
  const scene = new Scene();
  const good = Array.from({ length: 256 }, (_, at) => `10.0.${at}.1-10.0.${at}.100`);
  scene.pool("first", good);
  await scene.settle();
  scene.editPool("first", { addresses: Array<string>(256).fill("fd99::9999-fd99::1111") });
  await scene.settle();
  expect(scene.poolSays("first")).toMatch(
    /^False InvalidRange: .*; and 240 more; until this is corrected .* stay in force: 10\.0\.0\.1-.* and 240 more$/,
  );
  await expectFit(scene, "first");
});

test("what is wrong comes before what is only worth knowing, however much of that there is", async () => {
  const scene = new Scene();
  scene.pool("last", ["10.0.0.0/24", ...Array<string>(100).fill("10.0.0.0/24")]);
  scene.pool("best", ["10.0.0.1/32"], { priority: 1 });
  await scene.settle();
  expect(scene.poolSays("last")).toMatch(
    /^False Overlap: 10\.0\.0\.1-10\.0\.0\.1 also belongs to the IPPool best, .*; and 85 more$/,
  );
});

test("a request of any length is answered in a text that fits, once", async () => {
  const scene = new Scene();
  scene.pool("first", ["10.0.0.1/32"]);
  scene.service("web", { annotations: { "berth.dev/pool": "ü".repeat(100_000) } });
  await scene.settle();
  expect(scene.says("web")).toMatch(/^PoolNotFound: there is no IPPool ü+…$/);
  const service = fields(fields(scene.api.get("services", "default/web"))["status"]);
  for (const { message } of conditionsOf(service)) expect(Buffer.byteLength(`${message}`)).toBeLessThanOrEqual(32_768);
  const from = scene.api.events.length;
  scene.restart();
  await scene.settle();
  expect(scene.writes("services", from)).toBe(0);
  expect(scene.warnings).toHaveLength(1);
  for (const warning of scene.warnings) {
    const { note } = fields(eventJson(warning, { name: "n", nowText: "2026-11-01T00:00:00.000Z", instance: "i" }));
    expect(Buffer.byteLength(`${note}`)).toBeLessThanOrEqual(1_024);
  }
});

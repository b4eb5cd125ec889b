/** What a controller remembers of a pool while another one leads, and what it does with a status that was written after it had read. */
import { expect, test } from "@jest/globals";
import { Controller } from "../../controller/shell/controller.ts";
import { fields } from "../../lib/model/decode.ts";
import { type IPPool, parseIPPool } from "../../lib/model/ip-pool.ts";
import { silentLogger } from "../../lib/runtime/log.ts";
import { must, noCache } from "./objects.ts";
import { clientOf } from "./scripted-api.ts";

const GOOD = ["10.0.0.0/28"];
const BAD = ["fd99::9-fd99::1"];

interface Text {
  readonly addresses: readonly string[];
  readonly generation: number;
  readonly status?: object;
  readonly uid?: string;
}

function poolOf({ addresses, generation, status = {}, uid = "u1" }: Text): IPPool {
  const metadata = { name: "first", uid, generation, resourceVersion: `${generation}0` };
  return must(parseIPPool({ metadata, spec: { addresses }, status: { ...status } }));
}

/** One process: `has` is what its cache has of the pool, `status()` what it writes of it, if anything. */
function build(first?: IPPool) {
  const cache = { pool: first };
  const bodies: { metadata: unknown; status: unknown }[] = [];
  const clock = { ms: 10_000, monotonicMs: () => clock.ms, wallMs: () => 0 };
  const controller = new Controller({
    api: clientOf(async (_verb, _path, body = null) => {
      const { metadata, status } = fields(body);
      bodies.push({ metadata, status });
      return {};
    }),
    services: noCache,
    vips: noCache,
    pools: { get: () => cache.pool, list: () => (cache.pool === undefined ? [] : [cache.pool]) },
    namespaces: noCache,
    nodes: noCache,
    leases: noCache,
    enqueue: () => {},
    clock,
    isLeader: () => true,
    warn: () => {},
    log: silentLogger,
    classLess: true,
    namespace: "berth-system",
  });
  return {
    controller,
    has: (pool: IPPool | undefined) => {
      cache.pool = pool;
      controller.onPool("first");
    },
    status: async () => {
      clock.ms += 1_000;
      await controller.reconcile("pool:first");
      return bodies.splice(0);
    },
  };
}

test("who takes over goes on from what its predecessor has written", async () => {
  const [old, young] = [build(poolOf({ addresses: GOOD, generation: 1 })), build()];
  old.controller.begin();
  old.has(poolOf({ addresses: BAD, generation: 2 }));
  const [written] = await old.status();
  expect(written?.status).toMatchObject({ lastValidSpec: { addresses: GOOD }, totalIPv4: 14 });
  old.controller.end();
  young.has(poolOf({ addresses: BAD, generation: 2, status: fields(written?.status as never) }));
  young.controller.begin();
  expect(await young.status()).toEqual([]);
});

test("the second process has seen the valid spec as well: an edit while nobody led is no loss", async () => {
  const standby = build();
  standby.has(poolOf({ addresses: GOOD, generation: 1 }));
  standby.has(poolOf({ addresses: BAD, generation: 2 }));
  standby.controller.begin();
  expect((await standby.status())[0]?.status).toMatchObject({ lastValidSpec: { addresses: GOOD }, totalIPv4: 14 });
});

test("one that leads again after another did goes by what stands there now", async () => {
  const { controller, has, status } = build(poolOf({ addresses: GOOD, generation: 1 }));
  controller.begin();
  controller.end();
  has(undefined);
  has(poolOf({ addresses: BAD, generation: 1, uid: "u2" }));
  controller.begin();
  const [written] = await status();
  expect(written?.status).not.toHaveProperty("lastValidSpec");
});

test("a store went back meanwhile: the same generation of the same object has another spec", async () => {
  const { controller, has, status } = build(poolOf({ addresses: GOOD, generation: 2 }));
  controller.begin();
  expect((await status())[0]?.status).toMatchObject({ totalIPv4: 14 });
  controller.end();
  has(poolOf({ addresses: ["10.0.0.0/24"], generation: 2 }));
  controller.begin();
  expect((await status())[0]?.status).toMatchObject({ totalIPv4: 254 });
});

test("a status that was written late is read, and is not overwritten by who has not read it", async () => {
  const { controller, has, status } = build(poolOf({ addresses: BAD, generation: 2 }));
  controller.begin();
  const [blind] = await status();
  expect(blind).toMatchObject({ metadata: { uid: "u1", resourceVersion: "20" } });
  expect(blind?.status).not.toHaveProperty("lastValidSpec");
  has(poolOf({ addresses: BAD, generation: 2, status: { lastValidSpec: { addresses: GOOD } } }));
  const [seeing] = await status();
  expect(seeing).toMatchObject({
    metadata: { uid: "u1" },
    status: { lastValidSpec: { addresses: GOOD }, totalIPv4: 14 },
  });
  expect(seeing?.metadata).not.toHaveProperty("resourceVersion");
});

test("a spec that would make the object too large is not kept there", async () => {
  const { controller, has, status } = build();
  const namespaces = Array.from(
    { length: 5_000 },
    (_, at) => `a-namespace-with-a-name-as-long-as-names-of-them-may-be-${at}`,
  );
  const large = { metadata: { name: "first", uid: "u1", generation: 1 }, spec: { addresses: GOOD, namespaces } };
  has(must(parseIPPool(large)));
  controller.begin();
  await status();
  has(poolOf({ addresses: BAD, generation: 2 }));
  const [written] = await status();
  expect(written?.status).toMatchObject({ totalIPv4: 14 });
  expect(written?.status).not.toHaveProperty("lastValidSpec");
});

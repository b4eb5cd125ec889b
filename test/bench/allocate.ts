/**
 * What one allocation costs where it is hard: 1,000 pools, of which one has 65,536 addresses, is nearly full and full of holes, and
 * one is an IPv6 /64. `allocate/65536`: all others are full. `allocate/refusing`: all others have free addresses of both families, come first,
 * and are for Services with another label. The time is that of the whole plan for a new dual-stack Service, its texts included,
 * and of taking its two addresses, divided by two; no API server is asked.
 */
import { createLedger, type Ledger, reserve, setPools, setVip, unreserve } from "../../controller/ledger.ts";
import { planService } from "../../controller/plan.ts";
import { activePools, type Pools, setPool } from "../../controller/pools.ts";
import { type Ip, parseIp, virtualIpName } from "../../lib/address/ip.ts";
import type { JsonObject } from "../../lib/model/decode.ts";
import { parseIPPool } from "../../lib/model/ip-pool.ts";
import { parseService, type Service, serviceKey } from "../../lib/model/service.ts";
import { parseVirtualIP } from "../../lib/model/virtual-ip.ts";
import { type Random, seededRandom } from "../../lib/runtime/random.ts";
import type { Measured } from "./figures.ts";

const POOLS = 1_000;
const SMALL = 4;
const LARGE = 65_536;
const FREE = 64;
const WARM_UP = 2_000;

interface Stage {
  readonly ledger: Ledger;
  readonly pools: Pools;
  /** Of the large pool, in use. */
  readonly used: Ip[];
  readonly random: Random;
}

/** What the other pools are like. */
export type Others = "full" | "refusing";

export function measureAllocation(samples: number, others: Others): Measured {
  const stage = build(others);
  const values: number[] = [];
  for (let at = 0; at < WARM_UP + samples; at++) {
    const service = serviceOf(at);
    const started = performance.now();
    const given = allocate(stage, service);
    const tookUs = (performance.now() - started) * 1_000;
    if (given.length !== 2) throw new Error(`${given.length} addresses were given, not 2`);
    if (at >= WARM_UP) values.push(tookUs / given.length);
    settle(stage, given);
  }
  return { samples: values, also: { pools: POOLS, inUse: stage.ledger.vips.size } };
}

function allocate({ ledger, pools }: Stage, service: Service): readonly Ip[] {
  const world = { ledger, pools, namespaceLabels: () => undefined };
  const { effects } = planService({ key: serviceKey(service.meta), service, world, classLess: true, wallMs: 0 });
  const given = effects.flatMap((effect) => (effect.type === "create-vip" ? [ipOf(effect.spec.address)] : []));
  for (const ip of given) reserve(ledger, ip, serviceKey(service.meta));
  return given;
}

/** What was given stays; another address of the large pool, drawn at random, becomes free for it. */
function settle({ ledger, used, random }: Stage, given: readonly Ip[]): void {
  for (const ip of given) {
    setVip(ledger, virtualIpName(ip), vipOf(ip));
    unreserve(ledger, ip);
    if (ip.family === 6) continue;
    const at = Math.floor(random() * used.length);
    const gone = used[at];
    if (gone !== undefined) setVip(ledger, virtualIpName(gone), undefined);
    used[at] = ip;
  }
}

function build(others: Others): Stage {
  const ledger = createLedger();
  const random = seededRandom(1);
  let pools: Pools = new Map();
  const add = (name: string, addresses: readonly string[], rule: JsonObject = {}): void => {
    const spec = { addresses, ...rule };
    const pool = parseIPPool({ metadata: { name, uid: name, generation: 1, resourceVersion: "1" }, spec });
    if (pool !== undefined) pools = setPool(pools, name, pool);
  };
  const inUse: Ip[] = [];
  for (let at = 0; at < POOLS - 2; at++) {
    const name = `a${String(at).padStart(4, "0")}`;
    const first = `10.100.${Math.floor(at / 64)}.${(at % 64) * SMALL}`;
    if (others === "refusing") {
      add(name, [`${first}/30`, `2001:db8:1:${at}::/64`], { serviceSelector: { matchLabels: { team: name } } });
      continue;
    }
    add(name, [`${first}/30`]);
    const base = ipOf(first);
    for (let host = 0; host < SMALL; host++) inUse.push({ family: 4, value: base.value + BigInt(host) });
  }
  add("large", ["10.0.0.0/16"]);
  add("six", ["2001:db8::/64"]);
  const first = ipOf("10.0.0.0").value;
  const holes = new Set<number>();
  while (holes.size < FREE) holes.add(Math.floor(random() * LARGE));
  const used: Ip[] = [];
  for (let at = 0; at < LARGE; at++) if (!holes.has(at)) used.push({ family: 4, value: first + BigInt(at) });
  for (const ip of [...inUse, ...used]) setVip(ledger, virtualIpName(ip), vipOf(ip));
  setPools(ledger, activePools(pools));
  return { ledger, pools, used, random };
}

function vipOf(ip: Ip) {
  const name = virtualIpName(ip);
  const service = { namespace: "default", name, uid: name, externalTrafficPolicy: "Cluster", ports: [] };
  const address = ip.family === 4 ? name : name.replaceAll("-", ":");
  return parseVirtualIP({ metadata: { name, uid: name }, spec: { address, pool: "large", services: [service] } });
}

/** Labels that no selector asks for are each Service's own. */
function serviceOf(at: number): Service {
  const labels = { team: "none", "app.kubernetes.io/name": `web-${at}` };
  const service = parseService({
    metadata: { namespace: "default", name: `web-${at}`, uid: `uid-${at}`, resourceVersion: "1", labels },
    spec: {
      type: "LoadBalancer",
      ipFamilies: ["IPv4", "IPv6"],
      ipFamilyPolicy: "PreferDualStack",
      ports: [{ name: "http", protocol: "TCP", port: 80 }],
    },
  });
  if (service === undefined) throw new Error("a Service of the benchmark cannot be read");
  return service;
}

function ipOf(text: string): Ip {
  const ip = parseIp(text);
  if (!ip.ok) throw new Error(ip.reason);
  return ip.value;
}

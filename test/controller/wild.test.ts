/** Every rule of allocation at once, under everything that can go wrong. A failing run names its seed. */
import { describe, expect, test } from "@jest/globals";
import type { Json } from "../../lib/kube/api.ts";
import { parseService, type Service } from "../../lib/model/service.ts";
import { parseVirtualIP } from "../../lib/model/virtual-ip.ts";
import { IS_FULL } from "../scale.ts";
import { must } from "./objects.ts";
import { Moves } from "./wild-moves.ts";
import { rest } from "./wild-rest.ts";
import { QuotaWatch } from "./wild-rules.ts";
import { createWild, namedIn, ownIngress, services, type Wild } from "./wild-store.ts";
import { disturb, edit, step } from "./wild-world.ts";

const STEPS = 900;
/** Of a cluster at rest, one after the other. */
const EDITS = 40;
const SEEDS = IS_FULL ? 40 : 6;

interface Watch {
  checked: number;
  rollbacks: number;
  readonly moves: Moves;
  readonly quotas: QuotaWatch;
  /** VirtualIPs by uid that have been seen. */
  readonly created: Set<string>;
}

/** Reads every new event of the API server: what was true for one moment counts. */
function checkEvents(wild: Wild, watch: Watch): void {
  const isOther = watch.rollbacks !== wild.rollbacks || watch.checked < wild.api.events.length;
  if (watch.rollbacks !== wild.rollbacks) {
    watch.rollbacks = wild.rollbacks;
    watch.moves.forget();
    watch.checked = wild.api.events.length;
  }
  for (; watch.checked < wild.api.events.length; watch.checked++) {
    const event = wild.api.events[watch.checked];
    if (event?.resource === "services" && event.object !== undefined)
      watch.moves.check(must(parseService(event.object)));
    if (event?.resource === "virtualips" && event.object !== undefined) checkVip(wild, watch, event.object);
  }
  watch.quotas.look();
  if (isOther) checkSharing(wild);
  // An expectation that holds takes longer than a step.
  if (wild.faults.length > 0) expect(wild.faults).toEqual([]);
}

function checkVip(wild: Wild, { quotas, created, moves }: Watch, raw: Json): void {
  const vip = must(parseVirtualIP(raw));
  moves.noteConflict(vip);
  if (wild.isAlone && !created.has(vip.meta.uid)) quotas.judge(vip);
  created.add(vip.meta.uid);
}

/**
 * Two Services with one address have had a sharing key in common. Of an address whose VirtualIP was lost when the store went back, another
 * one may have been given before the write arrives that publishes it all the same: then the VirtualIP decides, and at rest one has it.
 */
function checkSharing(wild: Wild): void {
  const users = new Map<string, Service[]>();
  for (const service of services(wild)) {
    for (const ip of ownIngress(service)) users.set(ip, [...(users.get(ip) ?? []), service]);
  }
  const given = namedIn(wild);
  for (const [ip, all] of users) {
    if (all.length < 2 && wild.lost.size === 0) continue;
    const isApart = all.slice(1).some((other) => !haveMet(wild, all[0], other));
    const lost = all.map(({ meta }) => `${meta.uid} ${ip}`).filter((one) => wild.lost.has(one));
    if (isApart && lost.length === 0) expect({ ip, isShared: false }).toEqual({ ip, isShared: true });
    if (!isApart) for (const one of lost) if (given.has(one)) wild.lost.delete(one);
  }
}

/** The two have had a sharing key in common. */
function haveMet(wild: Wild, first: Service | undefined, other: Service): boolean {
  const keys = wild.keys.get(first?.meta.uid ?? "");
  return [...(wild.keys.get(other.meta.uid) ?? [])].some((key) => key !== "" && keys?.has(key) === true);
}

/** At rest the VirtualIP has decided about each address that two were given. */
async function comeToRest(wild: Wild, watch: Watch, who: "new" | "last"): Promise<void> {
  await rest(wild, who, () => checkEvents(wild, watch));
  wild.lost.clear();
  checkSharing(wild);
}

describe("everything at once", () => {
  async function run(seed: number): Promise<void> {
    const wild = createWild(seed);
    const watch: Watch = {
      checked: 0,
      rollbacks: 0,
      moves: new Moves(wild),
      quotas: new QuotaWatch(wild),
      created: new Set(),
    };
    disturb(wild);
    for (let at = 0; at < STEPS; at++) {
      await step(wild, true);
      checkEvents(wild, watch);
    }
    const isKept = seed % 4 < 2;
    await comeToRest(wild, watch, isKept ? "last" : "new");
    for (let at = 0; isKept && at < EDITS; at++) {
      edit(wild);
      await comeToRest(wild, watch, "last");
    }
    expect(wild.api.events.length).toBeGreaterThan(100);
  }

  // The bound is for a machine under load, not for the controller.
  const seeds = Array.from({ length: SEEDS }, (_, at) => at + 1);
  test.each(seeds)("seed %d", run, 300_000);
});

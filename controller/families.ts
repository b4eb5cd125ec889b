/** Which address a Service has or gets in each of its families. Pure: it reads the ledger and changes nothing. */
import { type Family, formatIp, type Ip } from "../lib/address/ip.ts";
import type { Service } from "../lib/model/service.ts";
import { choose, poolOf } from "./allocator.ts";
import { type Decided, drawOrder, roomIn } from "./drawing.ts";
import { hadIps } from "./found.ts";
import { entryIn, findHeld, fulfilledWish, type Holding, isDeleting, isMet } from "./holding.ts";
import { ownerOf } from "./ledger.ts";
import { sourceOf } from "./pool-source.ts";
import { explainNoChoice, explainRequestedIp, type Problem, type World } from "./problems.ts";
import { waitingText } from "./published.ts";
import { conflictText, judgeConflict } from "./quarantine.ts";
import { type AddressRequest, familiesOf } from "./requests.ts";
import { findJoinable, poolRefusal, shareConflict, shareRefusal } from "./sharing.ts";
import { keepTogether } from "./together.ts";
import { ipOfName } from "./vip-names.ts";

/** What happens in one family. */
export type FamilyDecision = {
  readonly family: Family;
  /** What the owner of the Service should know; also beside an address that stays, when he asked for another. */
  readonly problem: Problem | undefined;
} & (Holding | { readonly type: "none" });

/** One decision per family of the Service, in its order. */
export function decideFamilies(world: World, service: Service, request: AddressRequest): readonly FamilyDecision[] {
  const families = familiesOf(service);
  const held = new Map(families.map((family) => [family, findHeld(world, service, family, request)]));
  const open = families.filter((family) => {
    const now = held.get(family);
    return now === undefined || !isMet(world, service, now, family, request);
  });
  const kept = new Map([...held].filter(([family]) => !open.includes(family)));
  const fresh: ReadonlyMap<Family, Allocation> =
    open.length === 0 ? new Map() : allocate(world, service, open, request, kept);
  const combined = families.map((family) => combine(family, held.get(family), fresh.get(family)));
  const decisions = keepTogether(world, service, request, combined).map((one) =>
    withConflict(world, service, withWish(service, one, request), request.sharingKey),
  );
  return isAllOrNothing(service, decisions) ? withholdAll(decisions) : decisions;
}

/** The decisions of a Service whose request cannot be read: what it has stays, nothing new is given. */
export function keepOnly(world: World, service: Service, problem: Problem): readonly FamilyDecision[] {
  return familiesOf(service).map((family) => {
    const held = findHeld(world, service, family, undefined);
    return held === undefined ? { type: "none", family, problem } : { ...held, family, problem };
  });
}

type Allocation = Extract<Holding, { type: "create" | "join" }> | { readonly problem: Problem };

function allocate(
  world: World,
  service: Service,
  families: readonly Family[],
  request: AddressRequest,
  kept: ReadonlyMap<Family, Holding | undefined>,
): ReadonlyMap<Family, Allocation> {
  const result = new Map<Family, Allocation>();
  /** The quotas count what this pass has decided already. */
  const now = (): World => ({ ...world, decided: decidedSoFar(world, service, [...kept, ...result]) });
  for (const [family, ip] of request.ips) {
    if (families.includes(family)) result.set(family, allocateRequested(now(), service, ip, request));
  }
  for (const family of families) {
    if (request.ips.has(family)) continue;
    const { vip } = findJoinable(now(), service, family, request.sharingKey, request.pools);
    const ip = vip && ipOfName(vip.meta.name);
    if (vip !== undefined && ip !== undefined) result.set(family, { type: "join", ip, vip });
  }
  const rest = families.filter((family) => !result.has(family));
  const order = drawOrder(world, service, request.pools);
  const before = now();
  const choices = choose(world.ledger.allocator, order, rest, (space, some) => roomIn(before, service, space, some));
  for (const [family, choice] of choices) result.set(family, { type: "create", ...choice });
  for (const family of rest) {
    if (!choices.has(family)) result.set(family, { problem: explainNoChoice(now(), service, family, request.pools) });
  }
  return result;
}

/** What the pools do not count yet of what this pass writes: what comes to the Service, and what goes on to another pool. */
function decidedSoFar(
  { ledger }: World,
  service: Service,
  decisions: readonly (readonly [Family, Holding | Allocation | undefined])[],
): readonly Decided[] {
  return decisions.flatMap(([family, one]): readonly Decided[] => {
    if (one === undefined || !("ip" in one) || one.type === "await") return [];
    if (one.type === "create") return [{ family, pool: one.pool.name }];
    const { name } = sourceOf(one.vip, service, ledger);
    if (name === one.vip.pool) {
      const isHeld = one.vip.services.some(({ namespace }) => namespace === service.meta.namespace);
      return one.type === "keep" ? [] : [{ family, pool: isHeld ? undefined : name }];
    }
    return [{ family, pool: name }];
  });
}

/** The address that was asked for: free, or of Services that this one can be among. */
function allocateRequested(world: World, service: Service, ip: Ip, request: AddressRequest): Allocation {
  const { pools, sharingKey } = request;
  const owner = ownerOf(world.ledger, ip);
  if (owner.type === "vip" && owner.vip.services.length > 0 && !isDeleting(owner.vip)) {
    const { vip } = owner;
    const shares = shareRefusal(world, service, sharingKey, vip) === undefined;
    if (shares && poolRefusal(world, service, vip, pools, true) === undefined) return { type: "join", ip, vip };
  }
  const problem = explainRequestedIp(world, service, ip, pools, sharingKey);
  const pool = poolOf(world.ledger.allocator, ip);
  if (problem !== undefined) return { problem };
  if (pool !== undefined && owner.type === "nobody") return { type: "create", ip, pool };
  return { problem: { reason: "AddressInUse", message: `${formatIp(ip)} is in use` } };
}

/** Of an address that stays although another one was wished for: that the wish waits. Who asks for one by name is told of that one. */
function withWish(service: Service, decision: FamilyDecision, request: AddressRequest): FamilyDecision {
  const { problem, family } = decision;
  const isWished = request.renumber !== "" && !request.ips.has(family);
  if (problem === undefined || decision.type === "none" || !isWished) return decision;
  const entry = decision.type === "create" ? undefined : entryIn(decision.vip, service);
  if (fulfilledWish(service, decision.ip, entry, request) === request.renumber) return decision;
  return { ...decision, problem: { ...problem, message: waitingText(request.renumber, problem.message) } };
}

/**
 * What its owner should know of an address that stays: that a foreign host uses it, or that the Services which share it do
 * not go together any more. Nothing is taken away for that.
 */
function withConflict(world: World, service: Service, decision: FamilyDecision, key: string): FamilyDecision {
  if (decision.type !== "keep" && decision.type !== "join") return decision;
  const verdict = judgeConflict(world.ledger, decision.vip);
  const foreign = conflictText(verdict, decision.vip);
  if (foreign !== undefined) {
    const message = decision.problem === undefined ? foreign : `${foreign}; ${decision.problem.message}`;
    return { ...decision, problem: { reason: verdict === "proxy-arp" ? "ProxyARP" : "AddressConflict", message } };
  }
  if (decision.problem !== undefined) return decision;
  const message = shareConflict(world, service, key, decision.vip);
  return message === undefined ? decision : { ...decision, problem: { reason: "SharingConflict", message } };
}

/** What is held stays until what was asked for instead is there. */
function combine(family: Family, held: Holding | undefined, fresh: Allocation | undefined): FamilyDecision {
  if (fresh !== undefined && "ip" in fresh) return { ...fresh, family, problem: undefined };
  const problem = fresh?.problem;
  return held === undefined ? { type: "none", family, problem } : { ...held, family, problem };
}

/**
 * RequireDualStack gives both or none, as MetalLB does: an address of a Service that is turned into one goes again if the
 * other family has none. What once was whole is never taken apart.
 */
function isAllOrNothing(service: Service, decisions: readonly FamilyDecision[]): boolean {
  if (service.ipFamilyPolicy !== "RequireDualStack" || !decisions.some((one) => one.type === "none")) return false;
  const had = hadIps(service);
  return !decisions.every(({ family }) => had.some((ip) => ip.family === family));
}

function withholdAll(decisions: readonly FamilyDecision[]): readonly FamilyDecision[] {
  return decisions.map(({ family, problem, ...rest }) => {
    if (rest.type === "none" || problem !== undefined) return { type: "none", family, problem };
    const message = `its IPv${family} address is withheld until the other family has one too (ipFamilyPolicy RequireDualStack)`;
    return { type: "none", family, problem: { reason: "OtherFamilyMissing", message } };
  });
}

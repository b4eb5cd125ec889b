/**
 * From the snapshot of one Service to what is to be written, in order (election.md section 10 says why this order):
 * giving is VirtualIP, then Service; taking is Service.status, then VirtualIP. A pass can be cut off after any effect,
 * and the next one, of this process or another, ends in the same state.
 */
import { formatIp, parseIp, virtualIpName } from "../lib/address/ip.ts";
import { type ConditionClaim, findCondition, saysAlready } from "../lib/model/conditions.ts";
import { LB_CLASS, SERVICE_FINALIZER } from "../lib/model/meta.ts";
import { type Ingress, type Service, serviceKey } from "../lib/model/service.ts";
import { bounded } from "../lib/model/text.ts";
import type { VirtualIP } from "../lib/model/virtual-ip.ts";
import type { Result } from "../lib/runtime/result.ts";
import type { Effect, Outcome, Plan, ServiceWrite } from "./effects.ts";
import type { FamilyDecision } from "./families.ts";
import { decideFamilies, keepOnly } from "./families.ts";
import { foundEntries, TOLD_MAX_BYTES, withFound, withoutFound } from "./found.ts";
import { entryIn, fulfilledWish, hasRivals, isDeleting, isUnderWay, ownVips } from "./holding.ts";
import { isBeingShared, ownerOf, vipsOfService } from "./ledger.ts";
import { sourceOf } from "./pool-source.ts";
import type { World } from "./problems.ts";
import { ASSIGNED_CONDITION, assignedMessage, isPublished, publishedIps } from "./published.ts";
import { judgeConflict } from "./quarantine.ts";
import { type AddressRequest, askedKey, parseRequest } from "./requests.ts";
import { goesWith } from "./sharing.ts";
import { dropAll, giveVip, lostAddresses, notShared, putAside } from "./vip-effects.ts";

export interface PlanInput {
  readonly key: string;
  readonly service: Service | undefined;
  readonly world: World;
  /** Whether Services without loadBalancerClass are Berth's. */
  readonly classLess: boolean;
  /** For the end of a quarantine: milliseconds since 1970. */
  readonly wallMs: number;
}

export function planService(input: PlanInput): Plan {
  const { service } = input;
  const stale = staleVips(input);
  if (service === undefined)
    return { effects: confirmed(dropAll(stale, input.key)), outcome: "released", waiting: false };
  if (!isOurs(service, input.classLess)) return planRelease(service, stale, input);
  return planGive(service, stale, input);
}

/**
 * Whether the plan only sets right what somebody else overwrote: nothing new is given, and Berth's condition stands as it
 * should, whatever it says: who is told that something is missing can be fought over as well.
 */
export function isRepair(service: Service, plan: Plan): boolean {
  if (!isMarked(service) || plan.outcome === "released" || plan.outcome === "not-ours") return false;
  const changes = plan.effects.some((one) => one.type === "write-service" && one.condition !== undefined);
  return !changes && !plan.effects.some((one) => one.type === "create-vip");
}

/** Type LoadBalancer, of Berth's class or (if the flag allows) of none, and not being deleted. */
export function isOurs(service: Service, classLess: boolean): boolean {
  if (service.type !== "LoadBalancer" || isDeleting(service)) return false;
  return service.loadBalancerClass === undefined ? classLess : service.loadBalancerClass === LB_CLASS;
}

/** VirtualIPs that name this Service by a uid that it does not have (any more). */
function staleVips({ key, service, world }: PlanInput): readonly VirtualIP[] {
  const uid = service?.meta.uid;
  return vipsOfService(world.ledger, key).filter(
    (vip) => !isDeleting(vip) && !vip.services.some((one) => serviceKey(one) === key && one.uid === uid),
  );
}

function planGive(service: Service, stale: readonly VirtualIP[], { world, wallMs }: PlanInput): Plan {
  const request = parseRequest(service);
  // Another Service with the same sharing key is being given an address: this one may join it in a moment.
  const sharingKey = askedKey(service) ?? "";
  const joinsSoon = sharingKey !== "" && isBeingShared(world.ledger, sharingKey, serviceKey(service.meta));
  if (joinsSoon || isUnderWay(world, service)) {
    return { effects: [], outcome: "not-assigned", waiting: true };
  }
  const decisions = request.ok
    ? decideFamilies(world, service, request.value)
    : keepOnly(world, service, { reason: "BadRequest", message: request.reason });
  const asked = request.ok ? request.value : undefined;
  const ingress = decisions.flatMap((one) => (one.type === "none" ? [] : [ingressOf(formatIp(one.ip))]));
  const kept = new Set(decisions.map((one) => (one.type === "keep" || one.type === "join" ? one.vip.meta.name : "")));
  const surplus = ownVips(world, service).filter((vip) => !isDeleting(vip) && !kept.has(vip.meta.name));
  const claim = claimOf(decisions, service, asked, world);
  const write = giveWrite(service, ingress, claim, world);
  const leftover = [...surplus, ...stale].filter((vip) => !kept.has(vip.meta.name));
  const aside = leftover.filter((vip) => judgeConflict(world.ledger, vip) === "quarantine");
  const key = serviceKey(service.meta);
  const deletes = [
    ...dropAll(
      leftover.filter((vip) => !aside.includes(vip)),
      key,
    ),
    ...aside.flatMap((vip) => putAside(vip, key, world, wallMs)),
  ];
  const warn = claim.reason !== "Assigned" && !saysAlready(withoutFound(service.conditions), claim);
  const effects: Effect[] = [
    ...decisions.flatMap((one) => giveVip(one, service, asked, world)),
    ...(write === undefined ? [] : [write]),
    ...(write === undefined ? confirmed(deletes) : deletes),
    ...(warn ? [{ type: "warn" as const, reason: claim.reason, message: claim.message }] : []),
    ...(request.ok ? notShared(decisions, service, request.value, world) : []),
    ...lostAddresses(decisions, service, sharingKey, world),
  ];
  const waiting = decisions.some((one) => one.problem !== undefined || one.type === "await");
  const outcome = outcomeOf(claim);
  if (!waiting) return { effects, outcome, waiting };
  const asks = [...(asked?.ips.values() ?? [])].map(virtualIpName);
  return { effects, outcome, waiting, kind: kindOf(service, request, decisions), asks };
}

/** What decides whether the Service is given anything, as a text; "" if that is more than what it asks for. */
function kindOf(service: Service, request: Result<AddressRequest>, decisions: readonly FamilyDecision[]): string {
  const hasSome = decisions.some((one) => one.type !== "none") || service.ingress.length > 0 || isPublished(service);
  if (hasSome || !request.ok || request.value.ips.size > 0 || request.value.sharingKey !== "") return "";
  const { meta, ipFamilies, ipFamilyPolicy } = service;
  return JSON.stringify([meta.namespace, meta.labels, ipFamilies, ipFamilyPolicy, request.value.pools ?? null]);
}

function outcomeOf(claim: ConditionClaim): Outcome {
  if (claim.status === "False") return "not-assigned";
  return claim.reason === "Assigned" ? "assigned" : "partly-assigned";
}

/** The one patch that publishes: addresses, finalizer and condition together; undefined if all of it stands already. */
function giveWrite(
  service: Service,
  ingress: readonly Ingress[],
  claim: ConditionClaim,
  world: World,
): ServiceWrite | undefined {
  const wanted = ingress.length > 0 ? ingress : ingressWithoutAddress(service, world);
  const needsFinalizer = ingress.length > 0;
  const noted = ingress.length > 0 ? claim : withFound(claim, wanted);
  const hasFinalizer = service.meta.finalizers.includes(SERVICE_FINALIZER);
  const mayRemove = isMarked(service) && !needsFinalizer;
  const write: ServiceWrite = {
    type: "write-service",
    ingress: sameIngress(service.ingress, wanted) ? undefined : wanted,
    finalizer: needsFinalizer && !hasFinalizer ? true : mayRemove && hasFinalizer ? false : undefined,
    condition: saysAlready(service.conditions, noted) ? undefined : noted,
  };
  return isEmptyWrite(write) ? undefined : write;
}

/**
 * What stays in the status of a Service that Berth has no address for. What Berth published goes, and what came there while it waited; what
 * another controller wrote before Berth ever managed the Service stays, but for addresses that belong to somebody else. Where there is no
 * IPPool at all, nothing is Berth's to give, and the other load balancer is still the one that serves.
 */
function ingressWithoutAddress(service: Service, world: World): readonly Ingress[] {
  if (isPublished(service)) return [];
  const found = world.pools.size === 0 ? service.ingress : foundEntries(service);
  return found.filter((entry) => {
    const ip = parseIp(entry.ip);
    if (!ip.ok) return true;
    const owner = ownerOf(world.ledger, ip.value);
    if (owner.type !== "claim" || owner.claim.uid === service.meta.uid)
      return owner.type !== "vip" && owner.type !== "reserved";
    return goesWith(world, service, askedKey(service) ?? "", owner.claim.key, ip.value);
  });
}

/** What neither Berth's record nor a VirtualIP has: the controller of another class may have been faster than this one. */
function ingressOfOthers(service: Service, world: World): readonly Ingress[] {
  const own = new Set([...publishedIps(service).map(formatIp), ...ownVips(world, service).map((vip) => vip.address)]);
  return service.ingress.filter(({ ip }) => !own.has(ip));
}

/** A Service that is not, or no longer, Berth's: everything of Berth's goes, the finalizer last. */
function planRelease(service: Service, stale: readonly VirtualIP[], { key, world }: PlanInput): Plan {
  const own = ownVips(world, service).filter((vip) => !isDeleting(vip));
  if (!isMarked(service) && own.length === 0) {
    const effects = confirmed(dropAll(stale, key));
    return { effects, outcome: effects.length > 0 ? "released" : "not-ours", waiting: false };
  }
  const left = ingressOfOthers(service, world);
  const clears = left.length < service.ingress.length;
  const deletes = dropAll([...own, ...stale], key);
  const clear: ServiceWrite = { type: "write-service", ingress: left, finalizer: undefined, condition: undefined };
  const last: ServiceWrite = {
    type: "write-service",
    ingress: undefined,
    finalizer: service.meta.finalizers.includes(SERVICE_FINALIZER) ? false : undefined,
    condition: isMarked(service) ? null : undefined,
  };
  const effects = [...(clears ? [clear, ...deletes] : confirmed(deletes)), ...(isEmptyWrite(last) ? [] : [last])];
  return { effects, outcome: "released", waiting: false };
}

/** The condition is written in the same patch as the finalizer and the addresses, so it marks them all. */
function isMarked(service: Service): boolean {
  return findCondition(service.conditions, ASSIGNED_CONDITION) !== undefined;
}

/** Problems of an address that the Service has and that is what it asked for. */
const TOLD_ONLY: ReadonlySet<string> = new Set(["AddressConflict", "ProxyARP", "SharingConflict"]);

function claimOf(
  decisions: readonly FamilyDecision[],
  service: Service,
  request: AddressRequest | undefined,
  world: World,
): ConditionClaim {
  const given = decisions.flatMap((one) => {
    if (one.type === "none") return [];
    const vip = one.type === "create" ? undefined : one.vip;
    const pool = one.type === "create" ? one.pool.name : sourceOf(one.vip, service, world.ledger).name;
    const renumber = fulfilledWish(service, one.ip, vip && entryIn(vip, service), request);
    const isContested = hasRivals(world, service, one.ip, vip, askedKey(service) ?? "");
    return [{ ip: one.ip, pool, renumber, isContested }];
  });
  const problems = decisions.flatMap((one) => (one.problem === undefined ? [] : [one.problem]));
  const message = assignedMessage(given, [...new Set(problems.map((problem) => problem.message))]);
  const type = ASSIGNED_CONDITION;
  if (given.length === 0) {
    const reason = problems.find((problem) => problem.reason !== "OtherFamilyMissing")?.reason ?? "BadRequest";
    return { type, status: "False", reason, message: bounded(message, TOLD_MAX_BYTES) };
  }
  if (problems.length === 0) return { type, status: "True", reason: "Assigned", message };
  if (decisions.some((one) => one.type === "none")) return { type, status: "True", reason: "PartlyAssigned", message };
  const told = problems.find((problem) => TOLD_ONLY.has(problem.reason));
  return { type, status: "True", reason: told?.reason ?? "RequestNotMet", message };
}

function confirmed(effects: readonly Effect[]): readonly Effect[] {
  return effects.length === 0 ? [] : [{ type: "confirm-service" }, ...effects];
}

function ingressOf(ip: string): Ingress {
  return { ip, ipMode: "VIP", hostname: "" };
}

function sameIngress(left: readonly Ingress[], right: readonly Ingress[]): boolean {
  return JSON.stringify(left) === JSON.stringify(right);
}

function isEmptyWrite(write: ServiceWrite): boolean {
  return write.ingress === undefined && write.finalizer === undefined && write.condition === undefined;
}

/** What a Service asks for by name in one family holds the other one back. Pure: it reads the ledger and changes nothing. */
import { formatIp, sameIp } from "../lib/address/ip.ts";
import type { Service } from "../lib/model/service.ts";
import type { FamilyDecision } from "./families.ts";
import { findHeld } from "./holding.ts";
import type { World } from "./problems.ts";
import { judgeConflict } from "./quarantine.ts";
import type { AddressRequest } from "./requests.ts";

/**
 * Who asks for addresses by name and cannot have one of them stays as he was, in the other family too: one that is half followed would
 * have cost an address that he did not mean to give up alone. What a foreign host uses is left all the same.
 */
export function keepTogether(
  world: World,
  service: Service,
  request: AddressRequest,
  decisions: readonly FamilyDecision[],
): readonly FamilyDecision[] {
  const missed = decisions.find(({ family, problem }) => request.ips.has(family) && problem !== undefined);
  const ip = missed && request.ips.get(missed.family);
  if (missed?.problem === undefined || ip === undefined) return decisions;
  const { reason } = missed.problem;
  return decisions.map((one): FamilyDecision => {
    if (one.family === missed.family || one.type === "none") return one;
    // Not what fulfils the request, which may be the new address of a pass that was cut off, but what clients use.
    const before = findHeld(world, service, one.family, undefined);
    if (before === undefined || sameIp(before.ip, one.ip)) return one;
    if (before.type === "keep" && judgeConflict(world.ledger, before.vip) === "quarantine") return one;
    const message = `${formatIp(before.ip)} stays until ${formatIp(ip)} can be had too`;
    return { ...before, family: one.family, problem: { reason, message } };
  });
}

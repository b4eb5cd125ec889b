/** What the object should tell the user: conditions `Announced` and `Conflict`, posted on change only. */
import { type ConditionClaim, findCondition, saysAlready } from "../../lib/model/conditions.ts";
import { announceFailure, exclusionText } from "../reasons.ts";
import { type Draft, due, firstRankOf, isMine } from "./draft.ts";
import { TIMES } from "./types.ts";

/** Excluded nodes named in a message; a cluster can have thousands. */
const NODES_NAMED_MAX = 8;

export function wantConditions(d: Draft): void {
  if (!d.w.acting || !d.w.apiUp || d.s.deleting) return;
  const claims = [announced(d), conflict(d)].filter((claim) => claim !== undefined);
  const open: { claim: ConditionClaim; atMs: number }[] = [];
  for (const claim of claims) {
    const before = d.s.posted.find((one) => sameClaim(one.claim, claim));
    if (saysAlready(d.s.conditions, claim)) {
      // Kept: if another node says otherwise at once, the two must not write against each other as fast as the API allows.
      if (before !== undefined) open.push(before);
      continue;
    }
    if (before !== undefined && !due(d, before.atMs + TIMES.repostMs)) {
      open.push(before);
      continue;
    }
    open.push({ claim, atMs: d.now });
    const { name, uid, conditions } = d.s;
    d.effects.push({ type: "condition", name, uid, claim, conditions });
  }
  d.s.posted = open;
}

function announced(d: Draft): ConditionClaim | undefined {
  const { s, w, place } = d;
  if (s.serving !== undefined) {
    if (!isMine(d) || w.appliedGeneration < s.serving.generation) return undefined;
    const message = `${w.node} answers for ${s.address} on ${s.serving.interface} with ${s.serving.mac}`;
    return { type: "Announced", status: "True", reason: "Announced", message };
  }
  const unheld = s.record === undefined || s.record.node === "";
  // A holder that has nothing to carry traffic to keeps its record and says so itself.
  const idle = isMine(d) && place.ordered.length === 0 && place.standing.rule !== undefined;
  if ((unheld && place.reporter) || idle) {
    return {
      type: "Announced",
      status: "False",
      reason: announceFailure(place.excluded),
      message: noCandidateMessage(d),
    };
  }
  if (s.record === undefined && s.foreign !== undefined) {
    const message = `${s.foreign.mac}, no node of this cluster, answers for ${s.address}: it is not announced until that host gives it up`;
    return { type: "Announced", status: "False", reason: "AddressInUse", message };
  }
  return undefined;
}

function noCandidateMessage(d: Draft): string {
  const { excluded } = d.place;
  const whole = excluded.find((one) => one.reason === "no-service" || one.reason === "no-endpoint");
  if (whole !== undefined) return `No node announces ${d.s.address}: ${exclusionText(whole.reason)}`;
  const named = excluded.slice(0, NODES_NAMED_MAX).map((one) => `${one.node}: ${exclusionText(one.reason)}`);
  const more = excluded.length > NODES_NAMED_MAX ? `; and ${excluded.length - NODES_NAMED_MAX} more nodes` : "";
  return `No node can announce ${d.s.address}. ${named.join("; ")}${more}`;
}

/** Only who answers, or is about to, knows of a foreign host. */
function conflict(d: Draft): ConditionClaim | undefined {
  const { s } = d;
  const responsible = s.serving !== undefined || (s.record === undefined && firstRankOf(d) === 0);
  if (!responsible) return undefined;
  if (s.foreign !== undefined) {
    const both = s.serving === undefined ? "" : " as well";
    const message = `${s.foreign.mac}, no node of this cluster, answers for ${s.address}${both}: give that host another address`;
    return { type: "Conflict", status: "True", reason: "ForeignHost", message };
  }
  // A first use that has not been probed yet knows nothing, and so clears nothing.
  if (s.serving === undefined || findCondition(s.conditions, "Conflict")?.status !== "True") return undefined;
  const message = `no other host has answered for ${s.address} for a minute`;
  return { type: "Conflict", status: "False", reason: "NoConflict", message };
}

function sameClaim(left: ConditionClaim, right: ConditionClaim): boolean {
  return (
    left.type === right.type &&
    left.status === right.status &&
    left.reason === right.reason &&
    left.message === right.message
  );
}

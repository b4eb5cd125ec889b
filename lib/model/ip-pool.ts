import type { Json } from "../kube/api.ts";
import { parseConditions } from "./conditions.ts";
import { asBoolean, asInteger, asText, fields, parseMeta, texts } from "./decode.ts";
import type { Condition, ObjectMeta } from "./meta.ts";
import { parseL2Rules } from "./selector.ts";
import type { L2Rules } from "./virtual-ip.ts";

/** An IPPool as it stands: the texts of its ranges are judged by the controller, which names every problem in its conditions. */
export interface IPPool {
  readonly meta: ObjectMeta;
  readonly addresses: readonly string[];
  readonly excluded: readonly string[];
  readonly autoAssign: boolean;
  readonly avoidBuggyIPs: boolean;
  readonly l2: L2Rules;
  readonly status: IPPoolStatus;
  readonly conditions: readonly Condition[];
}

/** Counts of addresses. They stop at 2^53 - 1, the largest integer that every JSON reader keeps exact. */
export interface IPPoolStatus {
  readonly observedGeneration: number;
  /** spec.addresses in one text: a column of kubectl shows only the first item of a list. */
  readonly addresses: string;
  readonly totalIPv4: number;
  readonly totalIPv6: number;
  readonly assignedIPv4: number;
  readonly assignedIPv6: number;
  readonly availableIPv4: number;
  readonly availableIPv6: number;
}

/** Narrows an IPPool; undefined only for one without a name or with an l2 block that cannot be read. */
export function parseIPPool(raw: Json): IPPool | undefined {
  const meta = parseMeta(raw);
  const spec = fields(fields(raw)["spec"]);
  const l2 = parseL2Rules(spec["l2"]);
  if (meta === undefined || l2 === undefined) return undefined;
  const status = fields(raw)["status"];
  return {
    meta,
    addresses: texts(spec["addresses"]),
    excluded: texts(spec["excluded"]),
    autoAssign: asBoolean(spec["autoAssign"]) ?? true,
    avoidBuggyIPs: asBoolean(spec["avoidBuggyIPs"]) ?? false,
    l2,
    status: parseStatus(status),
    conditions: parseConditions(fields(status)["conditions"]),
  };
}

function parseStatus(raw: Json | undefined): IPPoolStatus {
  const status = fields(raw);
  const count = (field: string) => asInteger(status[field]) ?? 0;
  return {
    observedGeneration: count("observedGeneration"),
    addresses: asText(status["addresses"]) ?? "",
    totalIPv4: count("totalIPv4"),
    totalIPv6: count("totalIPv6"),
    assignedIPv4: count("assignedIPv4"),
    assignedIPv6: count("assignedIPv6"),
    availableIPv4: count("availableIPv4"),
    availableIPv6: count("availableIPv6"),
  };
}

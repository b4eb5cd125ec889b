import type { Json } from "../kube/api.ts";
import { parseConditions } from "./conditions.ts";
import { asBoolean, asInteger, asObject, asText, fields, type JsonObject, parseMeta, texts } from "./decode.ts";
import type { Condition, ObjectMeta } from "./meta.ts";
import { parseL2Rules, parseLabelSelector } from "./selector.ts";
import type { L2Rules, LabelSelector } from "./virtual-ip.ts";

/** What the user writes: the texts of its ranges are judged by the controller, which names every problem in its conditions. */
export interface IPPoolSpec {
  readonly addresses: readonly string[];
  readonly excluded: readonly string[];
  readonly autoAssign: boolean;
  readonly avoidBuggyIPs: boolean;
  /** 1 or more, the lowest first; undefined comes last. */
  readonly priority: number | undefined;
  readonly drawers: Drawers;
  /** How many addresses one namespace may hold; undefined: any number. */
  readonly quota: number | undefined;
  readonly sharing: Sharing;
  readonly l2: L2Rules;
  /** The same as it was applied. */
  readonly raw: JsonObject;
}

/** An IPPool as it stands. */
export interface IPPool extends IPPoolSpec {
  readonly meta: ObjectMeta;
  readonly status: IPPoolStatus;
  /** What status.lastValidSpec says; undefined if there is none, or none that can be read. */
  readonly lastValid: IPPoolSpec | undefined;
  readonly conditions: readonly Condition[];
}

/** Whose Services may have one address together. */
export type Sharing = "SameNamespace" | "AcrossNamespaces";

/** Who may draw from a pool. The two rules on namespaces are ORed; with neither every namespace may. */
export interface Drawers {
  readonly namespaces: readonly string[];
  readonly namespaceSelector: LabelSelector | undefined;
  /** ANDed with the rules on namespaces. */
  readonly serviceSelector: LabelSelector | undefined;
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

/** Narrows an IPPool; undefined only for one without a name or with a selector that cannot be read: guessing could give it to anybody. */
export function parseIPPool(raw: Json): IPPool | undefined {
  const meta = parseMeta(raw);
  const spec = parseSpec(fields(fields(raw)["spec"]));
  if (meta === undefined || spec === undefined) return undefined;
  const status = fields(fields(raw)["status"]);
  return {
    ...spec,
    meta,
    status: parseStatus(status),
    lastValid: parseLastValid(status["lastValidSpec"]),
    conditions: parseConditions(status["conditions"]),
  };
}

function parseSpec(spec: JsonObject): IPPoolSpec | undefined {
  const l2 = parseL2Rules(spec["l2"]);
  const drawers = parseDrawers(spec);
  if (l2 === undefined || drawers === undefined) return undefined;
  return {
    addresses: texts(spec["addresses"]),
    excluded: texts(spec["excluded"]),
    autoAssign: asBoolean(spec["autoAssign"]) ?? true,
    avoidBuggyIPs: asBoolean(spec["avoidBuggyIPs"]) ?? false,
    priority: atLeastOne(spec["priority"]),
    drawers,
    quota: atLeastOne(spec["quota"]),
    sharing: spec["sharing"] === "AcrossNamespaces" ? "AcrossNamespaces" : "SameNamespace",
    l2,
    raw: spec,
  };
}

/** The schema leaves this open, so a text of anybody may stand there: what has no addresses is no spec. */
function parseLastValid(raw: Json | undefined): IPPoolSpec | undefined {
  const spec = asObject(raw);
  const parsed = spec && parseSpec(spec);
  return parsed === undefined || parsed.addresses.length === 0 ? undefined : parsed;
}

function parseDrawers(spec: JsonObject): Drawers | undefined {
  const namespaceSelector = optional(spec["namespaceSelector"], parseLabelSelector);
  const serviceSelector = optional(spec["serviceSelector"], parseLabelSelector);
  if (namespaceSelector === "unreadable" || serviceSelector === "unreadable") return undefined;
  return { namespaces: texts(spec["namespaces"]), namespaceSelector, serviceSelector };
}

function optional<T>(raw: Json | undefined, parse: (raw: Json) => T | undefined): T | undefined | "unreadable" {
  return raw === undefined || raw === null ? undefined : (parse(raw) ?? "unreadable");
}

function atLeastOne(raw: Json | undefined): number | undefined {
  const value = asInteger(raw);
  return value !== undefined && value >= 1 ? value : undefined;
}

function parseStatus(status: JsonObject): IPPoolStatus {
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

import type { Json } from "../kube/api.ts";
import { parseConditions } from "./conditions.ts";
import { asText, fields, items, parseMeta } from "./decode.ts";
import type { ObjectMeta } from "./meta.ts";

/** A Node has this label when load balancers are to leave it out (KEP-1143). */
export const EXCLUDE_LABEL = "node.kubernetes.io/exclude-from-external-load-balancers";
/** Set by a person on a node that is off and will not come back by itself (KEP-2268). */
export const OUT_OF_SERVICE_TAINT = "node.kubernetes.io/out-of-service";

/** The parts of a core/v1 Node that decide who may announce. */
export interface Node {
  readonly meta: ObjectMeta;
  readonly taints: readonly { readonly key: string; readonly value: string; readonly effect: string }[];
  /** Condition Ready is True. */
  readonly ready: boolean;
  /** Condition NetworkUnavailable is True; absent counts as False, since only some CNIs write it. */
  readonly networkUnavailable: boolean;
  /** status.addresses as they stand: type (InternalIP, Hostname, …) and text. */
  readonly addresses: readonly { readonly type: string; readonly address: string }[];
}

export function parseNode(raw: Json): Node | undefined {
  const meta = parseMeta(raw);
  if (meta === undefined) return undefined;
  const status = fields(fields(raw)["status"]);
  const conditions = parseConditions(status["conditions"]);
  const isTrue = (type: string) => conditions.some((one) => one.type === type && one.status === "True");
  return {
    meta,
    taints: items(fields(fields(raw)["spec"])["taints"]).map((item) => ({
      key: asText(fields(item)["key"]) ?? "",
      value: asText(fields(item)["value"]) ?? "",
      effect: asText(fields(item)["effect"]) ?? "",
    })),
    ready: isTrue("Ready"),
    networkUnavailable: isTrue("NetworkUnavailable"),
    addresses: items(status["addresses"]).map((item) => ({
      type: asText(fields(item)["type"]) ?? "",
      address: asText(fields(item)["address"]) ?? "",
    })),
  };
}

/** The label counts by its presence; its value says nothing (KEP-1143). */
export function isExcluded(node: Node): boolean {
  return Object.hasOwn(node.meta.labels, EXCLUDE_LABEL);
}

export function isOutOfService(node: Node): boolean {
  return node.taints.some((taint) => taint.key === OUT_OF_SERVICE_TAINT);
}

/** The addresses of a Node alone, for those who need no more of thousands of them. */
export interface NodeAddressList {
  readonly name: string;
  /** status.addresses without their types; host names are among them. */
  readonly addresses: readonly string[];
}

export function parseNodeAddresses(raw: Json): NodeAddressList | undefined {
  const name = asText(fields(fields(raw)["metadata"])["name"]);
  if (name === undefined) return undefined;
  const addresses = items(fields(fields(raw)["status"])["addresses"]);
  return { name, addresses: addresses.flatMap((item) => asText(fields(item)["address"]) ?? []) };
}

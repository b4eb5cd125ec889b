import type { Json } from "../kube/api.ts";
import { asBoolean, asText, fields, items, parseMeta } from "./decode.ts";
import type { ObjectMeta } from "./meta.ts";

/** Names the Service that an EndpointSlice belongs to. */
export const SERVICE_NAME_LABEL = "kubernetes.io/service-name";

/** The parts of a discovery.k8s.io/v1 EndpointSlice that decide who may announce. Ports are kube-proxy's affair. */
export interface EndpointSlice {
  readonly meta: ObjectMeta;
  /** Name of the Service in the same namespace; "" when the label is missing. */
  readonly service: string;
  readonly addressType: "IPv4" | "IPv6" | "FQDN";
  readonly endpoints: readonly Endpoint[];
}

export interface Endpoint {
  /** "" when the endpoint is on no node of the cluster. */
  readonly nodeName: string;
  /** Absent in the object means true ("unknown is ready", API documentation of EndpointConditions). */
  readonly ready: boolean;
  /** Absent in the object means the same as ready. */
  readonly serving: boolean;
  /** Absent in the object means false. */
  readonly terminating: boolean;
}

export function parseEndpointSlice(raw: Json): EndpointSlice | undefined {
  const meta = parseMeta(raw);
  const addressType = asText(fields(raw)["addressType"]);
  if (meta === undefined || (addressType !== "IPv4" && addressType !== "IPv6" && addressType !== "FQDN"))
    return undefined;
  return {
    meta,
    service: meta.labels[SERVICE_NAME_LABEL] ?? "",
    addressType,
    endpoints: items(fields(raw)["endpoints"]).map(parseEndpoint),
  };
}

function parseEndpoint(raw: Json): Endpoint {
  const conditions = fields(fields(raw)["conditions"]);
  const ready = asBoolean(conditions["ready"]) ?? true;
  return {
    nodeName: asText(fields(raw)["nodeName"]) ?? "",
    ready,
    serving: asBoolean(conditions["serving"]) ?? ready,
    terminating: asBoolean(conditions["terminating"]) ?? false,
  };
}

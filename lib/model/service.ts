import type { Json } from "../kube/api.ts";
import { parseConditions } from "./conditions.ts";
import { asInteger, asText, fields, items, parseMeta, textMap, texts } from "./decode.ts";
import type { Condition, Labels, ObjectMeta, PortProtocol } from "./meta.ts";
import type { ExternalTrafficPolicy } from "./virtual-ip.ts";

export type IpFamily = "IPv4" | "IPv6";
export type IpFamilyPolicy = "SingleStack" | "PreferDualStack" | "RequireDualStack";

export interface ServicePort {
  readonly name: string;
  readonly protocol: PortProtocol;
  readonly port: number;
}

/** One entry of status.loadBalancer.ingress. */
export interface Ingress {
  readonly ip: string;
  /** "" when absent. */
  readonly ipMode: string;
  /** A cloud's entry by name; Berth never writes one. */
  readonly hostname: string;
  /** What a cloud says of single ports; Berth never writes any. Absent where there are none. */
  readonly ports?: readonly IngressPort[];
}

/** core/v1 PortStatus. */
export interface IngressPort {
  readonly port: number;
  readonly protocol: string;
  /** "" when absent. */
  readonly error: string;
}

/** The parts of a core/v1 Service that decide its addresses. */
export interface Service {
  readonly meta: ObjectMeta;
  readonly type: string;
  /** undefined for a class-less Service. */
  readonly loadBalancerClass: string | undefined;
  /** The deprecated request for one address; "" when absent. */
  readonly loadBalancerIP: string;
  /** Set by the API server for every Service but ExternalName ones, in the user's order. */
  readonly ipFamilies: readonly IpFamily[];
  readonly ipFamilyPolicy: IpFamilyPolicy;
  readonly externalTrafficPolicy: ExternalTrafficPolicy;
  readonly ports: readonly ServicePort[];
  readonly selector: Labels;
  readonly ingress: readonly Ingress[];
  readonly conditions: readonly Condition[];
}

export function parseService(raw: Json): Service | undefined {
  const meta = parseMeta(raw);
  if (meta === undefined) return undefined;
  const spec = fields(fields(raw)["spec"]);
  const status = fields(fields(raw)["status"]);
  return {
    meta,
    type: asText(spec["type"]) ?? "ClusterIP",
    loadBalancerClass: asText(spec["loadBalancerClass"]),
    loadBalancerIP: asText(spec["loadBalancerIP"]) ?? "",
    ipFamilies: texts(spec["ipFamilies"]).filter((family) => family === "IPv4" || family === "IPv6"),
    ipFamilyPolicy: parsePolicy(spec["ipFamilyPolicy"]),
    externalTrafficPolicy: spec["externalTrafficPolicy"] === "Local" ? "Local" : "Cluster",
    ports: items(spec["ports"]).flatMap(parsePort),
    selector: textMap(spec["selector"]),
    ingress: items(fields(status["loadBalancer"])["ingress"]).map(parseIngress),
    conditions: parseConditions(status["conditions"]),
  };
}

function parseIngress(raw: Json): Ingress {
  const entry = fields(raw);
  const text = (field: string) => asText(entry[field]) ?? "";
  const ports = items(entry["ports"]).map((item) => {
    const { port, protocol, error } = fields(item);
    return { port: asInteger(port) ?? 0, protocol: asText(protocol) ?? "", error: asText(error) ?? "" };
  });
  const named = { ip: text("ip"), ipMode: text("ipMode"), hostname: text("hostname") };
  return ports.length === 0 ? named : { ...named, ports };
}

function parsePolicy(raw: Json | undefined): IpFamilyPolicy {
  return raw === "PreferDualStack" || raw === "RequireDualStack" ? raw : "SingleStack";
}

function parsePort(raw: Json): readonly ServicePort[] {
  const { name, protocol = "TCP", port } = fields(raw);
  const number = asInteger(port);
  if (number === undefined || !(protocol === "TCP" || protocol === "UDP" || protocol === "SCTP")) return [];
  return [{ name: asText(name) ?? "", protocol, port: number }];
}

export function serviceKey(meta: { readonly namespace: string; readonly name: string }): string {
  return `${meta.namespace}/${meta.name}`;
}

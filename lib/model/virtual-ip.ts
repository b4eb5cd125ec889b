import { formatMac, parseMac } from "../address/mac.ts";
import type { Json } from "../kube/api.ts";
import { parseConditions } from "./conditions.ts";
import { asBoolean, asInteger, asText, fields, parseAll, parseMeta } from "./decode.ts";
import {
  API_VERSION,
  type Condition,
  HELD_FINALIZER,
  type Labels,
  type ObjectMeta,
  type PortProtocol,
} from "./meta.ts";
import { l2RulesJson, parseL2Rules } from "./selector.ts";

/** Where an address may be announced: the pool's `l2` block, copied so that a speaker judges from one object. */
export interface L2Rules {
  /** Names or globs (`eth*`); empty: the interface whose connected subnet contains the address. */
  readonly interfaces: readonly string[];
  /** Equality and set-based selector over Node labels; absent: every node. */
  readonly nodeSelector: LabelSelector | undefined;
  /** Who should announce: a node's preference is the sum of the weights whose selectors take it. */
  readonly preferred: readonly PreferredNodes[];
}

/** As in the affinity of a pod: of two nodes that may announce, the one with the larger sum should. */
export interface PreferredNodes {
  /** 1 to 100. */
  readonly weight: number;
  readonly selector: LabelSelector;
}

export interface LabelSelector {
  readonly matchLabels: Labels;
  readonly matchExpressions: readonly {
    readonly key: string;
    readonly operator: "In" | "NotIn" | "Exists" | "DoesNotExist";
    readonly values: readonly string[];
  }[];
}

export type ExternalTrafficPolicy = "Cluster" | "Local";

export interface VirtualIPService {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly externalTrafficPolicy: ExternalTrafficPolicy;
  readonly ports: readonly { readonly name: string; readonly protocol: PortProtocol; readonly port: number }[];
  /** The Service's annotation `berth.dev/renumber` when it got this address; absent or "" if it had none. */
  readonly renumber?: string | undefined;
}

/** Why and for how long an address is put aside (election.md section 10). */
export interface Quarantine {
  /** RFC 3339. */
  readonly until: string;
  /** How often it was put aside in a row. */
  readonly times: number;
  /** Of the host that uses it. */
  readonly mac: string;
}

/** The outcome of the election of one address (election.md section 1): changed only by compare-and-set, each change raises `epoch`. */
export interface Holder {
  /** Node name; "" when the address was released. */
  readonly node: string;
  /** Instance id of the speaker process that won. */
  readonly instance: string;
  readonly epoch: number;
  /** RFC 3339, for people. */
  readonly since: string;
  readonly interface: string;
  /** Lower case, six pairs; "" if the record's is no MAC, so that nobody is asked by it. */
  readonly mac: string;
  /** The node that hands over; it answers until it hears the successor, or one second. "" outside a hand-over. */
  readonly from: string;
  /** Why the last change happened: one of the named move reasons. */
  readonly reason: string;
}

export interface VirtualIP {
  readonly meta: ObjectMeta;
  /** Canonical text. The object's name is virtualIpName(address). */
  readonly address: string;
  readonly pool: string;
  readonly services: readonly VirtualIPService[];
  readonly l2: L2Rules;
  /** What the Services that share the address have in common; absent or "": it is for one Service alone. */
  readonly sharingKey?: string | undefined;
  /** Present on an address that is put aside since a foreign host uses it; such a one names no Service. */
  readonly quarantine?: Quarantine | undefined;
  /** A Service had this address before, by a VirtualIP that somebody has deleted or by another load balancer: this one has no holder yet, but clients use it. */
  readonly inUseBefore?: boolean | undefined;
  /** `usedByText(services)` as Berth writes it; absent where somebody took it out. */
  readonly usedBy?: string | undefined;
  readonly holder: Holder | undefined;
  readonly conditions: readonly Condition[];
}

/** The part of a VirtualIP that the controller writes. */
export type VirtualIPSpec = Pick<
  VirtualIP,
  "address" | "pool" | "services" | "l2" | "sharingKey" | "quarantine" | "inUseBefore"
>;

/** Narrows a VirtualIP; undefined when a part is missing that the schema requires (never guessed: it decides who answers). */
export function parseVirtualIP(raw: Json): VirtualIP | undefined {
  const meta = parseMeta(raw);
  const spec = fields(fields(raw)["spec"]);
  const status = fields(fields(raw)["status"]);
  const address = asText(spec["address"]);
  const services = parseAll(spec["services"], parseService);
  const l2 = parseL2Rules(spec["l2"]);
  if (meta === undefined || address === undefined || services === undefined || l2 === undefined) return undefined;
  const rawHolder = status["holder"] ?? undefined;
  const holder = rawHolder === undefined ? undefined : parseHolder(rawHolder);
  if (rawHolder !== undefined && holder === undefined) return undefined;
  const pool = asText(spec["pool"]) ?? "";
  const sharingKey = asText(spec["sharingKey"]);
  const vip = { meta, address, pool, services, l2, holder, conditions: parseConditions(status["conditions"]) };
  const quarantine = parseQuarantine(spec["quarantine"]);
  const usedBy = asText(spec["usedBy"]);
  return {
    ...vip,
    ...(usedBy === undefined ? {} : { usedBy }),
    ...(asBoolean(spec["inUseBefore"]) === true ? { inUseBefore: true } : {}),
    ...(sharingKey === undefined ? {} : { sharingKey }),
    ...(quarantine === undefined ? {} : { quarantine }),
  };
}

function parseQuarantine(raw: Json | undefined): Quarantine | undefined {
  const { until, times, mac } = fields(raw);
  const text = asText(until);
  return text === undefined ? undefined : { until: text, times: asInteger(times) ?? 1, mac: asText(mac) ?? "" };
}

function parseService(raw: Json): VirtualIPService | undefined {
  const service = fields(raw);
  const namespace = asText(service["namespace"]);
  const name = asText(service["name"]);
  const uid = asText(service["uid"]);
  const ports = parseAll(service["ports"], parsePort);
  if (namespace === undefined || name === undefined || uid === undefined || ports === undefined) return undefined;
  const externalTrafficPolicy = asText(service["externalTrafficPolicy"]) === "Local" ? "Local" : "Cluster";
  const renumber = asText(service["renumber"]);
  const entry: VirtualIPService = { namespace, name, uid, externalTrafficPolicy, ports };
  return renumber === undefined ? entry : { ...entry, renumber };
}

function parsePort(raw: Json): VirtualIPService["ports"][number] | undefined {
  const { name, protocol, port } = fields(raw);
  const number = asInteger(port);
  if (number === undefined || !(protocol === "TCP" || protocol === "UDP" || protocol === "SCTP")) return undefined;
  return { name: asText(name) ?? "", protocol, port: number };
}

/** Narrows `status.holder`; undefined without an epoch or a node, the two that the compare-and-set is about. */
export function parseHolder(raw: Json): Holder | undefined {
  const holder = fields(raw);
  const node = asText(holder["node"]);
  const epoch = asInteger(holder["epoch"]);
  if (node === undefined || epoch === undefined) return undefined;
  const text = (field: string) => asText(holder[field]) ?? "";
  const mac = parseMac(text("mac"));
  return {
    node,
    instance: text("instance"),
    epoch,
    since: text("since"),
    interface: text("interface"),
    mac: mac.ok ? formatMac(mac.value) : "",
    from: text("from"),
    reason: text("reason"),
  };
}

export function holderJson(holder: Holder): Json {
  return { ...holder };
}

/** The whole object to create. `name` is virtualIpName(address); the finalizer keeps it until its holder is silent. */
export function virtualIPJson(name: string, spec: VirtualIPSpec): Json {
  return {
    apiVersion: API_VERSION,
    kind: "VirtualIP",
    metadata: { name, finalizers: [HELD_FINALIZER] },
    spec: virtualIPSpecJson(spec),
  };
}

/** `spec` as it is written, at creation and by a JSON patch that replaces all of it (a merge would keep old selector keys). */
export function virtualIPSpecJson(spec: VirtualIPSpec): Json {
  return {
    address: spec.address,
    pool: spec.pool,
    usedBy: usedByText(spec.services),
    services: spec.services.map((service) => ({
      namespace: service.namespace,
      name: service.name,
      uid: service.uid,
      externalTrafficPolicy: service.externalTrafficPolicy,
      ports: service.ports.map(({ name, protocol, port }) =>
        name === "" ? { protocol, port } : { name, protocol, port },
      ),
      ...((service.renumber ?? "") === "" ? {} : { renumber: service.renumber }),
    })),
    ...((spec.sharingKey ?? "") === "" ? {} : { sharingKey: spec.sharingKey }),
    ...(spec.quarantine === undefined ? {} : { quarantine: { ...spec.quarantine } }),
    ...(spec.inUseBefore === true ? { inUseBefore: true } : {}),
    l2: l2RulesJson(spec.l2),
  };
}

/** The services in one text: a column of kubectl shows only the first item of a list. */
export function usedByText(services: readonly VirtualIPService[]): string {
  return services.map((service) => `${service.namespace}/${service.name}`).join(",");
}

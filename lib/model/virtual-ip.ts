import type { Condition, Labels, ObjectMeta, PortProtocol } from "./meta.ts";

/** Where an address may be announced: the pool's `l2` block, copied so that a speaker judges from one object. */
export interface L2Rules {
  /** Names or globs (`eth*`); empty: the interface whose connected subnet contains the address. */
  readonly interfaces: readonly string[];
  /** Equality and set-based selector over Node labels; absent: every node. */
  readonly nodeSelector: LabelSelector | undefined;
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
  readonly holder: Holder | undefined;
  readonly conditions: readonly Condition[];
}

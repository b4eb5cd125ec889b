/** The parts of ObjectMeta that Berth reads (Kubernetes API conventions, "Metadata"). */
export interface ObjectMeta {
  readonly name: string;
  /** "" for cluster-scoped objects. */
  readonly namespace: string;
  readonly uid: string;
  readonly resourceVersion: string;
  readonly generation: number;
  readonly creationTimestamp: string;
  readonly deletionTimestamp: string | undefined;
  readonly labels: Labels;
  readonly annotations: Labels;
  readonly finalizers: readonly string[];
}

export type Labels = Readonly<Record<string, string>>;
export type PortProtocol = "TCP" | "UDP" | "SCTP";

export interface Condition {
  readonly type: string;
  readonly status: "True" | "False" | "Unknown";
  readonly reason: string;
  readonly message: string;
  readonly lastTransitionTime: string;
  readonly observedGeneration: number | undefined;
}

export const GROUP = "berth.dev";
export const API_VERSION = "berth.dev/v1alpha1";
/** On Services, as Kubernetes expects it of every load balancer ("service.kubernetes.io/load-balancer-cleanup", KEP-980). */
export const SERVICE_FINALIZER = "service.kubernetes.io/load-balancer-cleanup";
/** On VirtualIPs: removed when the holder has written its silence, or its Lease is expired or its Node gone. */
export const HELD_FINALIZER = "berth.dev/held";
export const LB_CLASS = "berth.dev/l2";
/** On IPPools that an address in use belongs to: a pool that is deleted stays until its last address is free. */
export const POOL_FINALIZER = "berth.dev/in-use";

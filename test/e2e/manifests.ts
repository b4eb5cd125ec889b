import { backendImage } from "../lab/toolchain.ts";

export interface ServiceOptions {
  readonly namespace?: string;
  readonly policy?: "Cluster" | "Local";
  readonly families?: "SingleStack" | "PreferDualStack" | "RequireDualStack";
  readonly ipFamilies?: readonly ("IPv4" | "IPv6")[];
  readonly annotations?: Readonly<Record<string, string>>;
  readonly type?: "LoadBalancer" | "ClusterIP";
  /** Which backend answers; default: the Service's own name. */
  readonly app?: string;
  /** Ports of HTTP instead of those below. */
  readonly ports?: readonly number[];
  readonly labels?: Readonly<Record<string, string>>;
  /** Further fields of the spec. */
  readonly spec?: object;
}

/** A LoadBalancer Service on port 80 (HTTP) and 9000 (TCP and UDP lines) of the lab's backend. */
export function service(name: string, options: ServiceOptions = {}): object {
  const { namespace: ns = "default", annotations = {}, labels = {} } = options;
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name, namespace: ns, annotations, labels },
    spec: {
      type: options.type ?? "LoadBalancer",
      ...(options.type === "ClusterIP" ? {} : { externalTrafficPolicy: options.policy ?? "Cluster" }),
      ipFamilyPolicy: options.families ?? "SingleStack",
      ...(options.ipFamilies === undefined ? {} : { ipFamilies: options.ipFamilies }),
      selector: { app: options.app ?? name },
      ports: options.ports?.map((port) => ({ name: `http-${port}`, port, targetPort: 8080 })) ?? [
        { name: "http", port: 80, targetPort: 8080 },
        { name: "lines", port: 9000, targetPort: 9000 },
        { name: "datagrams", port: 9000, targetPort: 9000, protocol: "UDP" },
      ],
      ...options.spec,
    },
  };
}

/** Seconds that a lingering backend serves on after it was told to end: time enough for every node to learn of it. */
const LINGER_S = 5;

export interface BackendOptions {
  /** It serves on for a while when its pod is deleted, as a server with a preStop hook does. */
  readonly lingers?: boolean;
  /** Its share of a busy processor, such as "250m". Without one the least busy loop on the node takes everything from it. */
  readonly cpu?: string;
}

/** Pods of the lab's backend, on the named nodes only where nodes are given (one pod each, by anti-affinity). */
export function backend(
  name: string,
  nodes: readonly string[],
  namespace = "default",
  { lingers = false, cpu }: BackendOptions = {},
): object {
  const labels = { app: name };
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name, namespace },
    spec: {
      replicas: nodes.length,
      selector: { matchLabels: labels },
      strategy: { type: "Recreate" },
      template: {
        metadata: { labels },
        spec: {
          terminationGracePeriodSeconds: lingers ? 2 * LINGER_S : 1,
          tolerations: [{ operator: "Exists" }],
          affinity: {
            nodeAffinity: {
              requiredDuringSchedulingIgnoredDuringExecution: {
                nodeSelectorTerms: [
                  { matchExpressions: [{ key: "kubernetes.io/hostname", operator: "In", values: nodes }] },
                ],
              },
            },
            podAntiAffinity: {
              requiredDuringSchedulingIgnoredDuringExecution: [
                { labelSelector: { matchLabels: labels }, topologyKey: "kubernetes.io/hostname" },
              ],
            },
          },
          containers: [
            {
              name: "backend",
              image: backendImage,
              imagePullPolicy: "Never",
              ...(cpu === undefined ? {} : { resources: { requests: { cpu } } }),
              env: [
                { name: "POD_NAME", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } },
                { name: "NODE_NAME", valueFrom: { fieldRef: { fieldPath: "spec.nodeName" } } },
                ...(lingers ? [{ name: "LINGER", value: `${LINGER_S}s` }] : []),
              ],
              readinessProbe: { httpGet: { port: 8080 }, periodSeconds: 1 },
            },
          ],
        },
      },
    },
  };
}

export function pool(name: string, addresses: readonly string[], spec: object = {}): object {
  return {
    apiVersion: "berth.dev/v1alpha1",
    kind: "IPPool",
    metadata: { name },
    spec: { addresses, ...spec },
  };
}

export function namespace(name: string): object {
  return { apiVersion: "v1", kind: "Namespace", metadata: { name } };
}

/** Several objects as one text that `kubectl apply -f -` reads. */
export function manifest(...objects: readonly object[]): string {
  return JSON.stringify({ apiVersion: "v1", kind: "List", items: objects });
}

/** What a scenario says of a Service, and the object that the user would apply. */
import type { Json } from "../../../lib/kube/api.ts";

export interface ServiceWish {
  readonly namespace?: string;
  readonly families?: readonly ("IPv4" | "IPv6")[];
  readonly policy?: "SingleStack" | "PreferDualStack" | "RequireDualStack";
  readonly annotations?: Readonly<Record<string, string>>;
  readonly labels?: Readonly<Record<string, string>>;
  readonly loadBalancerIP?: string;
  readonly loadBalancerClass?: string;
  readonly allocateLoadBalancerNodePorts?: boolean;
  readonly ports?: readonly (number | string)[];
  readonly local?: boolean;
  readonly selector?: Readonly<Record<string, string>>;
}

/** As the API server stores it: fields that nobody set have their defaults. */
export function serviceBody(name: string, wish: ServiceWish): Json {
  const { namespace = "default", families = ["IPv4"], annotations = {}, labels = {} } = wish;
  const spec = {
    type: "LoadBalancer",
    ipFamilies: families,
    ipFamilyPolicy: wish.policy ?? (families.length > 1 ? "PreferDualStack" : "SingleStack"),
    externalTrafficPolicy: wish.local === true ? "Local" : "Cluster",
    ports: portsOf(wish.ports ?? [80]),
    selector: wish.selector ?? { app: name },
    loadBalancerIP: wish.loadBalancerIP,
    loadBalancerClass: wish.loadBalancerClass,
    allocateLoadBalancerNodePorts: wish.allocateLoadBalancerNodePorts,
  };
  const body = { metadata: { namespace, name, annotations, labels }, spec };
  // Without the fields that are undefined.
  return JSON.parse(JSON.stringify(body));
}

function portsOf(ports: readonly (number | string)[]): readonly Json[] {
  return ports.map((one) => {
    const [port = "", protocol = "TCP"] = String(one).split("/");
    return { name: `p${port}-${protocol.toLowerCase()}`, protocol, port: Number(port) };
  });
}

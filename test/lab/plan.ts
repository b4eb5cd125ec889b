import { BerthError } from "../../lib/runtime/errors.ts";

export type ProxyMode = "nftables" | "iptables";

export interface LabOptions {
  /** 1 to 9 nodes, named n1, n2, … */
  readonly nodes: number;
  /** 1 to 9 outside clients, named c1, c2, … */
  readonly clients: number;
  readonly proxyMode: ProxyMode;
  /** Whether n1 carries the control-plane label and its NoSchedule taint, as a real cluster's first node does. */
  readonly controlPlaneNode: boolean;
}

/** Something with a network namespace of its own and one cable to the switch. */
export interface Station {
  readonly kind: "node" | "client" | "control-plane";
  readonly name: string;
  readonly namespace: string;
  /** The switch's end of the cable, in the switch's namespace. The other end is always eth0. */
  readonly port: string;
  readonly ipv4: string;
  readonly ipv6: string;
  readonly mac: string;
}

export interface LabNode extends Station {
  readonly kind: "node";
  readonly podCidr4: string;
  readonly podCidr6: string;
  readonly controlPlane: boolean;
}

export interface LabPlan {
  readonly options: LabOptions;
  readonly controlPlane: Station;
  readonly nodes: readonly LabNode[];
  readonly clients: readonly Station[];
}

export const defaultOptions: LabOptions = { nodes: 3, clients: 2, proxyMode: "nftables", controlPlaneNode: true };

/** Everything the lab creates in the machine carries this prefix, and nothing without it is ever touched. */
export const prefix = "berth-";
export const switchNamespace = `${prefix}switch`;
export const bridgeName = "br0";

/** The machine's own end of the way to the API; 198.18.0.0/15 (RFC 2544) is in nobody's home network. */
export const outsideLink = { device: "berth0", machine: "198.18.99.1", controlPlane: "198.18.99.2", prefixLength: 30 };
export const apiPort = 6443;
export const serviceCidrs = { ipv4: "10.96.0.0/16", ipv6: "fd96::/108" };
export const podCidrs = { ipv4: "10.245.0.0/16", ipv6: "fd45::/32" };
export const kubernetesServiceIps = ["10.96.0.1", "fd96::1"] as const;

function station(kind: Station["kind"], name: string, host: number): Station {
  return {
    kind,
    name,
    namespace: prefix + name,
    port: `v-${name}`,
    ipv4: `10.99.0.${host}`,
    // The same digits as in IPv4, so that a person recognises the station in a capture.
    ipv6: `fd99::${host}`,
    mac: `02:be:00:00:${String(Math.floor(host / 100)).padStart(2, "0")}:${String(host % 100).padStart(2, "0")}`,
  };
}

function count(what: string, wanted: number): number {
  if (!Number.isInteger(wanted) || wanted < 1 || wanted > 9) {
    throw new BerthError("bad-flag", `the lab takes 1 to 9 ${what}, not ${wanted}`);
  }
  return wanted;
}

/** Names and addresses of everything in a lab; pure. Throws BerthError "bad-flag" for counts outside 1…9. */
export function planLab(options: LabOptions): LabPlan {
  const numbers = (upTo: number): number[] => Array.from({ length: upTo }, (_, index) => index + 1);
  const node = (number: number): LabNode => ({
    ...station("node", `n${number}`, 10 + number),
    kind: "node",
    podCidr4: `10.245.${number}.0/24`,
    podCidr6: `fd45:0:0:${number}::/64`,
    controlPlane: options.controlPlaneNode && number === 1,
  });
  return {
    options,
    controlPlane: station("control-plane", "cp", 1),
    nodes: numbers(count("nodes", options.nodes)).map(node),
    clients: numbers(count("clients", options.clients)).map((number) => station("client", `c${number}`, 100 + number)),
  };
}

/** Every station on the switch, control plane first. */
export function stationsOf(plan: LabPlan): readonly Station[] {
  return [plan.controlPlane, ...plan.nodes, ...plan.clients];
}

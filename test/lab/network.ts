import { existsSync, readdirSync } from "node:fs";
import { bridgeName, type LabPlan, outsideLink, prefix, type Station, stationsOf, switchNamespace } from "./plan.ts";
import { inNamespace, must, run } from "./run.ts";

/** Kernel settings of a node as a distribution with systemd leaves them, plus what every Kubernetes guide asks for. */
const nodeSettings: Readonly<Record<string, string>> = {
  "ipv4/ip_forward": "1",
  "ipv6/conf/all/forwarding": "1",
  "ipv4/conf/all/rp_filter": "2",
  "ipv4/conf/default/rp_filter": "2",
  "ipv4/conf/all/promote_secondaries": "1",
  "bridge/bridge-nf-call-iptables": "1",
  "bridge/bridge-nf-call-ip6tables": "1",
};

/** A switch does not look at what it forwards. */
const switchSettings: Readonly<Record<string, string>> = {
  "bridge/bridge-nf-call-iptables": "0",
  "bridge/bridge-nf-call-ip6tables": "0",
  "bridge/bridge-nf-call-arptables": "0",
  "ipv6/conf/default/disable_ipv6": "1",
};

/** Writes below /proc/sys/net of a namespace; a setting whose module is not loaded is left out. */
async function set(namespace: string, settings: Readonly<Record<string, string>>): Promise<void> {
  const script = Object.entries(settings)
    .map(([key, value]) => `[ ! -e /proc/sys/net/${key} ] || echo ${value} >/proc/sys/net/${key}`)
    .join("\n");
  await must(inNamespace(namespace, ["sh", "-ec", script]));
}

function batch(namespace: string, lines: readonly string[]): Promise<string> {
  return must(["ip", "-n", namespace, "-batch", "-"], { input: `${lines.join("\n")}\n` });
}

/** Lines for `ip -batch` in a station's own namespace; duplicate address detection is off, the addresses are planned. */
export function stationLines(plan: LabPlan, station: Station): string[] {
  const gateway = plan.controlPlane;
  const isGateway = station.name === gateway.name;
  const pods = station.kind === "client" ? [] : plan.nodes.filter((node) => node.name !== station.name);
  return [
    "link set lo up",
    `addr add ${station.ipv4}/24 brd + dev eth0`,
    `addr add ${station.ipv6}/64 dev eth0 nodad`,
    "link set eth0 up",
    // Nothing lies beyond the gateway; without a default route a Service's address would be refused before kube-proxy saw it.
    ...(isGateway ? [] : [`route add default via ${gateway.ipv4}`, `route add ::/0 via ${gateway.ipv6}`]),
    ...pods.flatMap((node) => [
      `route add ${node.podCidr4} via ${node.ipv4}`,
      `route add ${node.podCidr6} via ${node.ipv6}`,
    ]),
  ];
}

/** Makes the switch, all namespaces and cables, and the machine's own way to the API. */
export async function createNetwork(plan: LabPlan): Promise<void> {
  const stations = stationsOf(plan);
  // Per-namespace bridge settings exist only once the module is there; a machine without modules has it built in.
  await run(["modprobe", "br_netfilter"]);
  const namespaces = [switchNamespace, ...stations.map((station) => station.namespace)];
  await must(["ip", "-batch", "-"], { input: namespaces.map((name) => `netns add ${name}\n`).join("") });
  await set(switchNamespace, switchSettings);
  await Promise.all(plan.nodes.map((node) => set(node.namespace, nodeSettings)));
  const cables = stations.map(
    ({ namespace, port, mac }) =>
      `link add eth0 address ${mac} netns ${namespace} type veth peer name ${port} netns ${switchNamespace}`,
  );
  const { device, machine, controlPlane, prefixLength } = outsideLink;
  const outside = [
    `link add ${device} type veth peer name root0 netns ${plan.controlPlane.namespace}`,
    `addr add ${machine}/${prefixLength} dev ${device}`,
    `link set ${device} up`,
  ];
  await must(["ip", "-batch", "-"], { input: `${[...cables, ...outside].join("\n")}\n` });
  await batch(switchNamespace, [
    "link set lo up",
    `link add ${bridgeName} type bridge`,
    `link set ${bridgeName} up`,
    ...stations.map(({ port }) => `link set ${port} master ${bridgeName} up`),
  ]);
  await Promise.all(
    stations.map((station) =>
      batch(station.namespace, [
        ...stationLines(plan, station),
        ...(station.kind === "control-plane"
          ? [`addr add ${controlPlane}/${prefixLength} dev root0`, "link set root0 up"]
          : []),
      ]),
    ),
  );
}

/** Namespaces of a lab of any size. Tests that make namespaces of their own use longer names behind the prefix. */
const labNamespace = new RegExp(`^${prefix}(switch|cp|[nc]\\d)$`);

/** Removes every namespace of a lab and the machine's end of the way to the API. Fine when there are none. */
export async function removeNetwork(): Promise<void> {
  const directory = "/var/run/netns";
  const ours = existsSync(directory) ? readdirSync(directory).filter((name) => labNamespace.test(name)) : [];
  for (const name of ours) await run(["ip", "netns", "delete", name]);
  if (existsSync(`/sys/class/net/${outsideLink.device}`)) await run(["ip", "link", "delete", outsideLink.device]);
}

/** Pulls (false) or plugs (true) a station's cable at the switch: the station sees its carrier go. */
export async function setCable(station: Station, plugged: boolean): Promise<void> {
  await must(["ip", "-n", switchNamespace, "link", "set", station.port, plugged ? "up" : "down"]);
}

import { join } from "node:path";
import { labGroup } from "./cgroups.ts";
import { kubeconfigOf } from "./credentials.ts";
import { nodePaths, pkiDir } from "./paths.ts";
import { type LabNode, type LabPlan, podCidrs } from "./plan.ts";

export const pauseImage = "lab.local/pause:1";

/** containerd 1.6's own configuration (version 2 of its format), with every path in the node's directories. */
export function containerdConfig(node: LabNode): string {
  const paths = nodePaths(node.name);
  const cri = 'plugins."io.containerd.grpc.v1.cri"';
  return `version = 2
root = "${paths.dir}/containerd"
state = "${paths.stateDir}/containerd"
disabled_plugins = ["io.containerd.internal.v1.opt", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.aufs"]
[grpc]
  address = "${paths.socket}"
[ttrpc]
  address = "${paths.socket}.ttrpc"
[${cri}]
  # Without CAP_SYS_RESOURCE a process may not lower its score, and every pod would fail.
  restrict_oom_score_adj = true
  sandbox_image = "${pauseImage}"
  stream_server_port = "0"
  # In the lab's directory, where a clean-up finds them, and not in /var/run/netns.
  netns_mounts_under_state_dir = true
[${cri}.cni]
  bin_dir = "/usr/lib/cni"
  conf_dir = "${paths.cniDir}"
[${cri}.containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
  [${cri}.containerd.runtimes.runc.options]
    BinaryName = "/usr/sbin/runc"
    Root = "${paths.stateDir}/runc"
`;
}

export const podNetworkName = "berth-lab";

/** The pod network: a bridge on each node, routes between the nodes; no translation, so that pods see real addresses. */
export function podNetwork(node: LabNode): string {
  const { dir } = nodePaths(node.name);
  return JSON.stringify({
    cniVersion: "0.4.0",
    name: podNetworkName,
    plugins: [
      {
        type: "bridge",
        bridge: "cni0",
        isGateway: true,
        ipMasq: false,
        hairpinMode: true,
        ipam: {
          type: "host-local",
          dataDir: join(dir, "ipam"),
          ranges: [[{ subnet: node.podCidr4 }], [{ subnet: node.podCidr6 }]],
          routes: [{ dst: "0.0.0.0/0" }, { dst: "::/0" }],
        },
      },
    ],
  });
}

/** KubeletConfiguration (kubelet.config.k8s.io/v1beta1) as JSON, which is YAML too. */
export function kubeletConfig(node: LabNode): string {
  const paths = nodePaths(node.name);
  const taints = [{ key: "node-role.kubernetes.io/control-plane", effect: "NoSchedule" }];
  return JSON.stringify({
    apiVersion: "kubelet.config.k8s.io/v1beta1",
    kind: "KubeletConfiguration",
    authentication: {
      anonymous: { enabled: false },
      webhook: { enabled: true },
      x509: { clientCAFile: join(pkiDir, "ca.crt") },
    },
    authorization: { mode: "Webhook" },
    tlsCertFile: join(pkiDir, `${node.name}.crt`),
    tlsPrivateKeyFile: join(pkiDir, `${node.name}.key`),
    containerRuntimeEndpoint: `unix://${paths.socket}`,
    cgroupDriver: "cgroupfs",
    // All containers of the node are in this group: whose they are can be read from the kernel.
    cgroupRoot: `/${labGroup}/${node.name}`,
    cgroupsPerQOS: true,
    enforceNodeAllocatable: ["pods"],
    failCgroupV1: false,
    failSwapOn: false,
    localStorageCapacityIsolation: false,
    evictionHard: { "memory.available": "50Mi", "nodefs.available": "1%", "imagefs.available": "1%" },
    imageGCHighThresholdPercent: 100,
    podLogsDir: join(paths.dir, "podlogs"),
    resolvConf: "",
    clusterDomain: "cluster.local",
    makeIPTablesUtilChains: false,
    ...(node.controlPlane ? { registerWithTaints: taints } : {}),
  });
}

export function kubeletArguments(node: LabNode): string[] {
  const paths = nodePaths(node.name);
  return [
    ...["kubelet", `--kubeconfig=${kubeconfigOf(node.name)}`, `--config=${join(paths.dir, "kubelet.json")}`],
    ...[`--root-dir=${paths.kubeletDir}`, `--hostname-override=${node.name}`, `--node-ip=${node.ipv4},${node.ipv6}`],
  ];
}

export function proxyArguments(plan: LabPlan, node: LabNode): string[] {
  return [
    ...["kube-proxy", `--kubeconfig=${kubeconfigOf("proxy")}`, `--hostname-override=${node.name}`],
    ...[`--proxy-mode=${plan.options.proxyMode}`, `--cluster-cidr=${podCidrs.ipv4},${podCidrs.ipv6}`],
    // The connection table's limits belong to the machine and cannot be written from a namespace.
    ...["--conntrack-max-per-core=0", "--conntrack-tcp-timeout-established=0", "--conntrack-tcp-timeout-close-wait=0"],
  ];
}

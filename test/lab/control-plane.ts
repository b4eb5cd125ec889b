import { join } from "node:path";
import { kubeconfigOf } from "./credentials.ts";
import { type ClusterPlaces, labPlaces } from "./paths.ts";
import { apiPort, type LabPlan, serviceCidrs } from "./plan.ts";
import type { ProgramSpec } from "./programs.ts";

/** Controllers that need a cloud, or that would give the nodes what the lab gives them. */
const controllersOff = ["nodeipam", "ttl", "attachdetach", "persistentvolume-binder"];

function etcd({ dataDir }: ClusterPlaces): string[] {
  const client = "http://127.0.0.1:2379";
  const peer = "http://127.0.0.1:2380";
  return [
    ...["etcd", `--data-dir=${join(dataDir, "etcd")}`, "--unsafe-no-fsync", "--log-level=warn"],
    ...[`--listen-client-urls=${client}`, `--advertise-client-urls=${client}`],
    ...[`--listen-peer-urls=${peer}`, `--initial-advertise-peer-urls=${peer}`, `--initial-cluster=default=${peer}`],
  ];
}

function apiServer(plan: LabPlan, { pkiDir }: ClusterPlaces): string[] {
  const pki = (file: string): string => join(pkiDir, file);
  return [
    ...["kube-apiserver", "--etcd-servers=http://127.0.0.1:2379"],
    // All addresses of the control plane's own namespace, never of the machine.
    ...["--bind-address=::", `--secure-port=${apiPort}`, `--advertise-address=${plan.controlPlane.ipv4}`],
    ...[`--tls-cert-file=${pki("apiserver.crt")}`, `--tls-private-key-file=${pki("apiserver.key")}`],
    ...[`--client-ca-file=${pki("ca.crt")}`, "--authorization-mode=Node,RBAC"],
    ...["--enable-admission-plugins=NodeRestriction", "--allow-privileged"],
    ...[`--service-cluster-ip-range=${serviceCidrs.ipv4},${serviceCidrs.ipv6}`],
    ...["--service-account-issuer=https://kubernetes.default.svc", `--service-account-key-file=${pki("accounts.pub")}`],
    ...[`--service-account-signing-key-file=${pki("accounts.key")}`],
    ...[`--kubelet-certificate-authority=${pki("ca.crt")}`, "--kubelet-preferred-address-types=InternalIP"],
    ...[`--kubelet-client-certificate=${pki("apiserver-kubelet-client.crt")}`],
    ...[`--kubelet-client-key=${pki("apiserver-kubelet-client.key")}`],
  ];
}

function controllerManager(places: ClusterPlaces): string[] {
  const { pkiDir } = places;
  const kubeconfig = kubeconfigOf("controller-manager", places);
  return [
    ...["kube-controller-manager", `--kubeconfig=${kubeconfig}`, "--leader-elect=false", "--secure-port=0"],
    ...["--use-service-account-credentials", `--service-account-private-key-file=${join(pkiDir, "accounts.key")}`],
    ...[`--root-ca-file=${join(pkiDir, "ca.crt")}`, "--kube-api-qps=100", "--kube-api-burst=200"],
    `--controllers=*,${controllersOff.map((name) => `-${name}`).join(",")}`,
  ];
}

function scheduler(places: ClusterPlaces): string[] {
  const kubeconfig = kubeconfigOf("scheduler", places);
  return ["kube-scheduler", `--kubeconfig=${kubeconfig}`, "--leader-elect=false", "--secure-port=0"];
}

/** The control plane's programs: the first two start at once, the others when the API answers. */
export function controlPlanePrograms(
  plan: LabPlan,
  binary: string,
  places: ClusterPlaces = labPlaces,
): { first: ProgramSpec[]; second: ProgramSpec[] } {
  const { namespace } = plan.controlPlane;
  const spec = (argv: readonly string[]): ProgramSpec => ({
    name: argv[0] ?? "",
    namespace,
    argv: [binary, ...argv],
  });
  return {
    first: [spec(etcd(places)), spec(apiServer(plan, places))],
    second: [spec(controllerManager(places)), spec(scheduler(places))],
  };
}

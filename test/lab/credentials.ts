import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type ClusterPlaces, labPlaces } from "./paths.ts";
import { apiPort, kubernetesServiceIps, type LabPlan, outsideLink } from "./plan.ts";
import { must } from "./run.ts";

/** Who gets a certificate. The names are those that Kubernetes gives a meaning to (RBAC defaults, Node authorization). */
interface Subject {
  readonly file: string;
  readonly commonName: string;
  readonly group?: string;
  /** subjectAltName entries of a server; none for a pure client. */
  readonly altNames?: readonly string[];
}

function subjectsOf(plan: LabPlan): Subject[] {
  const { controlPlane } = plan;
  const apiNames = [
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    "kubernetes.default.svc.cluster.local",
  ];
  const apiIps = [...kubernetesServiceIps, controlPlane.ipv4, controlPlane.ipv6, outsideLink.controlPlane, "127.0.0.1"];
  return [
    {
      file: "apiserver",
      commonName: "kube-apiserver",
      altNames: [...apiNames.map((name) => `DNS:${name}`), ...apiIps.map((ip) => `IP:${ip}`)],
    },
    { file: "apiserver-kubelet-client", commonName: "kube-apiserver-kubelet-client", group: "system:masters" },
    { file: "admin", commonName: "lab-admin", group: "system:masters" },
    { file: "controller-manager", commonName: "system:kube-controller-manager" },
    { file: "scheduler", commonName: "system:kube-scheduler" },
    { file: "proxy", commonName: "system:kube-proxy", group: "system:node-proxier" },
    ...plan.nodes.map((node) => ({
      file: node.name,
      commonName: `system:node:${node.name}`,
      group: "system:nodes",
      altNames: [`DNS:${node.name}`, `IP:${node.ipv4}`, `IP:${node.ipv6}`],
    })),
  ];
}

const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc"];

async function issue(pkiDir: string, subject: Subject): Promise<void> {
  const path = join(pkiDir, subject.file);
  const name = `/${subject.group === undefined ? "" : `O=${subject.group}/`}CN=${subject.commonName}`;
  const servers = subject.altNames === undefined ? [] : ["-addext", `subjectAltName=${subject.altNames.join(",")}`];
  await must([
    ...["openssl", "req", "-x509", ...newKey, "-subj", name, "-days", "30"],
    ...["-CA", join(pkiDir, "ca.crt"), "-CAkey", join(pkiDir, "ca.key")],
    ...["-addext", "basicConstraints=critical,CA:FALSE", "-addext", "keyUsage=critical,digitalSignature"],
    ...["-addext", "extendedKeyUsage=clientAuth,serverAuth", ...servers],
    ...["-keyout", `${path}.key`, "-out", `${path}.crt`],
  ]);
}

/** A kubeconfig with everything inside, so that it can be copied to where it is wanted. */
async function writeKubeconfig(pkiDir: string, path: string, server: string, user: string): Promise<void> {
  const data = async (file: string): Promise<string> => (await readFile(join(pkiDir, file))).toString("base64");
  const config = {
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "berth-lab", cluster: { server, "certificate-authority-data": await data("ca.crt") } }],
    users: [
      {
        name: user,
        user: { "client-certificate-data": await data(`${user}.crt`), "client-key-data": await data(`${user}.key`) },
      },
    ],
    contexts: [{ name: "berth-lab", context: { cluster: "berth-lab", user } }],
    "current-context": "berth-lab",
  };
  await writeFile(path, `${JSON.stringify(config, null, 2)}\n`, { mode: 0o600 });
}

export function kubeconfigOf(user: string, { pkiDir }: ClusterPlaces = labPlaces): string {
  return join(pkiDir, `${user}.kubeconfig`);
}

/** Draws a new authority and new keys for everybody; nothing secret outlives a lab. */
export async function createCredentials(plan: LabPlan, places: ClusterPlaces = labPlaces): Promise<void> {
  const { pkiDir, kubeconfigPath } = places;
  await mkdir(pkiDir, { recursive: true, mode: 0o700 });
  const authority = join(pkiDir, "ca");
  await must([
    ...["openssl", "req", "-x509", ...newKey, "-subj", "/CN=berth-lab", "-days", "30"],
    ...["-addext", "keyUsage=critical,keyCertSign,digitalSignature"],
    ...["-keyout", `${authority}.key`, "-out", `${authority}.crt`],
  ]);
  const accounts = join(pkiDir, "accounts");
  await Promise.all([
    must(["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", `${accounts}.key`]),
    ...subjectsOf(plan).map((subject) => issue(pkiDir, subject)),
  ]);
  await must(["openssl", "ec", "-in", `${accounts}.key`, "-pubout", "-out", `${accounts}.pub`]);
  const inside = `https://${plan.controlPlane.ipv4}:${apiPort}`;
  const users = ["controller-manager", "scheduler", "proxy", ...plan.nodes.map((node) => node.name)];
  await Promise.all([
    writeKubeconfig(pkiDir, kubeconfigPath, `https://${outsideLink.controlPlane}:${apiPort}`, "admin"),
    ...users.map((user) => writeKubeconfig(pkiDir, kubeconfigOf(user, places), inside, user)),
  ]);
}

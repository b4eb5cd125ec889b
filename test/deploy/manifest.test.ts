/** deploy/berth.yaml as a cluster would read it: current, and with no more rights than it says. */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "@jest/globals";
import { parseAllDocuments } from "yaml";
import { manifest, manifestPath } from "../../scripts/deploy/manifest.ts";
import { imageName, userId } from "../../scripts/image/names.ts";

interface KubeObject {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string; readonly labels?: Record<string, string> };
  readonly spec?: Workload;
  readonly rules?: readonly { apiGroups: string[]; resources: string[]; verbs: string[] }[];
}

interface Workload {
  readonly replicas?: number;
  readonly updateStrategy?: { readonly rollingUpdate: object };
  readonly template: { readonly spec: PodSpec };
}

interface PodSpec {
  readonly serviceAccountName: string;
  readonly hostNetwork?: boolean;
  readonly tolerations: readonly object[];
  readonly securityContext: object;
  readonly containers: readonly {
    readonly image: string;
    readonly imagePullPolicy: string;
    readonly command: readonly string[];
    readonly ports?: unknown;
    readonly env: readonly { name: string }[];
    readonly readinessProbe: { httpGet: object };
    readonly livenessProbe: { httpGet: object };
    readonly resources: { limits: object };
    readonly securityContext: object;
  }[];
}

const objects = parseAllDocuments(readFileSync(manifestPath, "utf8")).map((each) => each.toJS() as KubeObject);

function one(kind: string, name: string): KubeObject {
  const found = objects.filter((each) => each.kind === kind && each.metadata.name === name);
  expect(found).toHaveLength(1);
  return found[0] as KubeObject;
}

function podOf(kind: string, name: string): PodSpec {
  return (one(kind, name).spec as Workload).template.spec;
}

test("it is what make manifest writes", () => {
  expect(readFileSync(manifestPath, "utf8")).toBe(manifest());
});

test("it holds these objects, the namespace and the CRDs before what lives in them", () => {
  expect(objects.map(({ kind, metadata }) => `${kind} ${metadata.name}`)).toEqual([
    "Namespace berth-system",
    "CustomResourceDefinition ippools.berth.dev",
    "CustomResourceDefinition virtualips.berth.dev",
    "ServiceAccount berth-controller",
    "ServiceAccount berth-speaker",
    "ClusterRole berth-controller",
    "ClusterRoleBinding berth-controller",
    "ClusterRole berth-speaker",
    "ClusterRoleBinding berth-speaker",
    "Role berth-controller",
    "RoleBinding berth-controller",
    "Role berth-speaker",
    "RoleBinding berth-speaker",
    "Deployment berth-controller",
    "DaemonSet berth-speaker",
  ]);
});

describe.each([
  ["Deployment", "berth-controller", 7472],
  ["DaemonSet", "berth-speaker", 7473],
])("%s %s", (kind, name, port) => {
  const [container] = podOf(kind, name).containers;

  test("runs the image that make image builds, as itself", () => {
    expect(container).toMatchObject({ image: imageName, imagePullPolicy: "IfNotPresent" });
    expect(container?.command.at(0)).toBe("/usr/local/bin/node");
    expect(container?.command.at(-1)).toBe(`/app/${name.replace("berth-", "")}.js`);
    expect(podOf(kind, name).serviceAccountName).toBe(name);
  });

  test("is probed without declaring a port", () => {
    expect(container?.readinessProbe.httpGet).toEqual({ path: "/readyz", port });
    expect(container?.livenessProbe.httpGet).toEqual({ path: "/healthz", port });
    expect(container?.ports).toBeUndefined();
  });

  test("is told who it is and is not throttled", () => {
    expect(container?.env.map((each) => each.name).sort()).toEqual([
      "NODE_NAME",
      "POD_NAME",
      "POD_NAMESPACE",
      "POD_UID",
    ]);
    expect(Object.keys(container?.resources.limits ?? {})).toEqual(["memory"]);
  });
});

test("the controller satisfies the level restricted", () => {
  const pod = podOf("Deployment", "berth-controller");
  expect(pod.hostNetwork).toBeUndefined();
  expect(pod.securityContext).toEqual({
    runAsNonRoot: true,
    runAsUser: userId,
    runAsGroup: userId,
    seccompProfile: { type: "RuntimeDefault" },
  });
  expect(pod.containers[0]?.securityContext).toEqual({
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ["ALL"] },
  });
  expect(one("Deployment", "berth-controller").spec?.replicas).toBe(2);
});

test("the speaker has NET_RAW and nothing more, on every node, and is updated beside itself", () => {
  const pod = podOf("DaemonSet", "berth-speaker");
  expect(pod.hostNetwork).toBe(true);
  expect(pod.tolerations).toEqual([{ operator: "Exists" }]);
  expect(pod.containers[0]?.securityContext).toEqual({
    runAsUser: 0,
    runAsGroup: 0,
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ["ALL"], add: ["NET_RAW"] },
  });
  const strategy = one("DaemonSet", "berth-speaker").spec?.updateStrategy?.rollingUpdate;
  expect(strategy).toEqual({ maxSurge: 1, maxUnavailable: 0 });
});

describe("rights", () => {
  const roles = objects.filter(({ rules }) => rules !== undefined);

  test("nothing by wildcard, no secrets", () => {
    const words = roles.flatMap(({ rules = [] }) => rules.flatMap((rule) => Object.values(rule).flat() as string[]));
    expect(words).not.toContain("*");
    expect(words).not.toContain("secrets");
  });

  test("a speaker may write no spec: only status, Leases and events", () => {
    const reads = ["get", "list", "watch"];
    const written = one("ClusterRole", "berth-speaker")
      .rules?.filter((rule) => rule.verbs.some((verb) => !reads.includes(verb)))
      .flatMap((rule) => rule.resources);
    expect(written).toEqual(["virtualips/status", "events"]);
  });
});

import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { Lab } from "../lab/lab.ts";
import { type SharedLab, withLab } from "../lab/shared.ts";

/** The lab's own promises, on a running cluster: what every other e2e test takes for granted. */

const namespace = "lab-self-test";

const manifest = `
apiVersion: v1
kind: Namespace
metadata: {name: ${namespace}}
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: backend, namespace: ${namespace}}
spec:
  selector: {matchLabels: {app: backend}}
  template:
    metadata: {labels: {app: backend}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
      - name: backend
        image: lab.local/backend:1
        imagePullPolicy: Never
        env:
        - {name: POD_NAME, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
        - {name: NODE_NAME, valueFrom: {fieldRef: {fieldPath: spec.nodeName}}}
        readinessProbe: {httpGet: {port: 8080}, periodSeconds: 1}
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: host, namespace: ${namespace}}
spec:
  selector: {matchLabels: {app: host}}
  template:
    metadata: {labels: {app: host}}
    spec:
      hostNetwork: true
      terminationGracePeriodSeconds: 1
      tolerations: [{operator: Exists}]
      containers: [{name: host, image: lab.local/backend:1, imagePullPolicy: Never}]
---
apiVersion: v1
kind: Service
metadata: {name: backend, namespace: ${namespace}}
spec:
  type: NodePort
  ipFamilyPolicy: RequireDualStack
  selector: {app: backend}
  ports:
  - {name: http, port: 80, targetPort: 8080, nodePort: 30080}
  - {name: lines, port: 9000, targetPort: 9000, nodePort: 30090}
  - {name: datagrams, protocol: UDP, port: 9000, targetPort: 9000, nodePort: 30090}
`;

interface PodList {
  readonly items: readonly {
    readonly metadata: { readonly name: string };
    readonly spec: { readonly nodeName: string };
    readonly status: {
      readonly containerStatuses?: readonly { readonly restartCount: number; readonly ready: boolean }[];
    };
  }[];
}

describe("the lab", () => {
  let shared: SharedLab;
  let lab: Lab;

  beforeAll(async () => {
    shared = await withLab();
    lab = shared.lab;
    await lab.apply(manifest);
    for (const set of ["backend", "host"]) {
      const rollout = await lab.kubectl(["-n", namespace, "rollout", "status", `daemonset/${set}`, "--timeout=60s"]);
      expect(rollout).toMatchObject({ code: 0 });
    }
  }, 600_000);

  afterAll(async () => {
    await lab?.heal();
    await lab?.kubectl(["delete", "namespace", namespace, "--wait=false"]);
    await shared?.release();
  }, 60_000);

  const pods = async (app: string): Promise<PodList["items"]> =>
    (await lab.get<PodList>(`/api/v1/namespaces/${namespace}/pods?labelSelector=app%3D${app}`)).items;

  const podOn = async (app: string, node: string): Promise<string> => {
    const found = (await pods(app)).find((pod) => pod.spec.nodeName === node);
    if (found === undefined) throw new Error(`no pod of ${app} on ${node}`);
    return found.metadata.name;
  };

  const ping = async (from: string, to: string): Promise<boolean> =>
    (await lab.exec(from, ["ping", "-c", "1", "-W", "1", to])).code === 0;

  const fetchFrom = async (client: string, address: string): Promise<Record<string, string> | undefined> => {
    const answer = await lab.exec(client, ["curl", "--silent", "--max-time", "2", `http://${address}/`]);
    return answer.code === 0 ? (JSON.parse(answer.stdout) as Record<string, string>) : undefined;
  };

  test("runs ordinary pods on every node but the control plane's, host-network pods everywhere", async () => {
    expect((await pods("backend")).map((pod) => pod.spec.nodeName).sort()).toEqual(["n2", "n3"]);
    expect((await pods("host")).map((pod) => pod.spec.nodeName).sort()).toEqual(["n1", "n2", "n3"]);
  });

  test("a client reaches a NodePort of every node, over both families and all protocols", async () => {
    for (const node of lab.nodes) {
      for (const address of [node.ipv4, `[${node.ipv6}]`]) {
        const answer = await lab.waitFor(`${address} to answer`, () => fetchFrom("c1", `${address}:30080`));
        expect(answer["node"]).toMatch(/^n[23]$/);
        for (const mode of ["tcp", "stream", "udp"] as const) {
          const connecting = lab.connect("c1", `${address}:30090`, { mode });
          await connecting.untilOk(5);
          expect(await connecting.finish()).toMatchObject({ failed: 0, longestGapMs: 0 });
        }
      }
    }
  }, 60_000);

  test("pods reach the API through its Service and trust its certificate, host-network pods too", async () => {
    const names = [...(await pods("backend")), ...(await pods("host"))].map((pod) => pod.metadata.name);
    for (const name of names) {
      const got = await lab.kubectl(["-n", namespace, "exec", name, "--", "/tools", "get", "/version"]);
      expect(got.stdout).toMatch(/^200\n/);
    }
  }, 60_000);

  test("kubectl logs and events work, anonymous kubelet access does not", async () => {
    expect(await lab.kubectl(["-n", namespace, "logs", await podOn("backend", "n2")])).toMatchObject({ code: 0 });
    const status = [
      "curl",
      "-sk",
      "-o",
      "/dev/null",
      "-w",
      "%{http_code}",
      `https://${lab.node("n2").ipv4}:10250/pods`,
    ];
    expect((await lab.exec("c1", status)).stdout).toBe("401");
  });

  test("the control plane listens nowhere in the machine's own namespace", async () => {
    const listening = await lab.exec("cp", ["ss", "-Hltn"]);
    expect(listening.stdout).toContain(":6443");
    const { run } = await import("../lab/run.ts");
    expect((await run(["ss", "-Hltn"])).stdout).not.toMatch(/:(6443|2379|2380|10250|10256|10257|10259)\s/);
  });

  test("a pulled cable silences a node, a plugged one brings it back", async () => {
    await lab.pullCable("n3");
    expect(await ping("c1", lab.node("n3").ipv4)).toBe(false);
    await lab.plugCable("n3");
    await lab.waitFor("n3 to answer again", async () => ((await ping("c1", lab.node("n3").ipv4)) ? true : undefined));
  }, 30_000);

  test("a frozen container is silent and goes on when thawed", async () => {
    const ref = { node: "n2", pod: await podOn("host", "n2") };
    const ask = (): Promise<unknown> => fetchFrom("c1", `${lab.node("n2").ipv4}:8080`);
    await lab.waitFor("the host pod to answer", ask);
    await lab.freeze(ref);
    expect(await ask()).toBeUndefined();
    await lab.thaw(ref);
    await lab.waitFor("the thawed pod to answer", ask);
  }, 30_000);

  test("a killed container is started again by its kubelet", async () => {
    const restarts = async (): Promise<number> =>
      (await pods("host")).find((pod) => pod.spec.nodeName === "n1")?.status.containerStatuses?.[0]?.restartCount ?? -1;
    const before = await restarts();
    await lab.kill({ node: "n1", pod: await podOn("host", "n1") });
    await lab.waitFor("a restart", async () => ((await restarts()) > before ? true : undefined));
  }, 30_000);

  test("a node cut off from the API still serves its clients", async () => {
    const node = lab.node("n2");
    await lab.cutFromApi("n2");
    expect(await ping("n2", lab.controlPlane.ipv4)).toBe(false);
    expect(await ping("n2", lab.controlPlane.ipv6)).toBe(false);
    expect(await ping("c1", node.ipv4)).toBe(true);
    expect(await ping("n1", node.ipv6)).toBe(true);
    expect(await fetchFrom("c1", `${node.ipv4}:8080`)).toBeDefined();
    await lab.restoreApi("n2");
    expect(await ping("n2", lab.controlPlane.ipv4)).toBe(true);
  }, 30_000);

  test("a partition separates two groups and nobody else", async () => {
    const [n1, n2, n3] = [lab.node("n1"), lab.node("n2"), lab.node("n3")];
    await lab.partition(["n1"], ["n2", "n3"]);
    expect(await ping("n1", n2.ipv4)).toBe(false);
    expect(await ping("n3", n1.ipv6)).toBe(false);
    expect(await ping("n2", n3.ipv4)).toBe(true);
    expect(await ping("c1", n1.ipv4)).toBe(true);
    await lab.heal();
    expect(await ping("n1", n2.ipv4)).toBe(true);
  }, 30_000);

  test("a cable loses the share of frames it is told to", async () => {
    await lab.lose("c2", 50);
    const flood = ["ping", "-c", "300", "-i", "0.005", "-W", "1", "-q", lab.node("n1").ipv4];
    const some = await lab.exec("c2", flood);
    await lab.lose("c2", 0);
    const none = await lab.exec("c2", flood);
    const received = (text: string): number => Number(/(\d+) received/.exec(text)?.[1]);
    // Both ways lose a half, so a quarter comes back: 75 of 300; the bounds are eight standard deviations away.
    expect(received(some.stdout)).toBeGreaterThan(15);
    expect(received(some.stdout)).toBeLessThan(135);
    expect(received(none.stdout)).toBe(300);
  }, 60_000);

  test("a capture sees who asks and who answers, over both families", async () => {
    const [client, node] = [lab.station("c2"), lab.node("n3")];
    const capture = await lab.capture("c2", "arp or icmp6");
    await lab.exec("c2", ["ip", "neigh", "flush", "dev", "eth0"]);
    expect(await ping("c2", node.ipv4)).toBe(true);
    expect(await ping("c2", node.ipv6)).toBe(true);
    const frames = await capture.stop();
    const reply = { operation: "reply", senderMac: node.mac, senderIp: node.ipv4, targetIp: client.ipv4 };
    expect(frames.map((frame) => frame.arp)).toContainEqual(expect.objectContaining(reply));
    const advertisement = { kind: "advertisement", target: node.ipv6, linkLayerAddress: node.mac, hopLimit: 255 };
    expect(frames.map((frame) => frame.nd)).toContainEqual(expect.objectContaining(advertisement));
  }, 30_000);

  test("the API server comes back with everything it knew, and the nodes stay Ready", async () => {
    const before = lab.programProcess("kube-apiserver");
    await lab.restartApiServer({ downMs: 500 });
    expect(lab.programProcess("kube-apiserver")).not.toEqual(before);
    expect((await pods("backend")).length).toBe(2);
    const { readyNodes } = await import("../lab/api-probe.ts");
    expect(readyNodes(JSON.stringify(await lab.get("/api/v1/nodes")))).toEqual(["n1", "n2", "n3"]);
    expect(await fetchFrom("c1", `${lab.node("n1").ipv4}:30080`)).toBeDefined();
  }, 90_000);
});

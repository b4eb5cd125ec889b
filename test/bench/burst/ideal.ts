/**
 * A program: what Berth's controller is compared with. It watches Services and makes the two writes that give an address,
 * with the same bodies, from a counter. It decides nothing, remembers nothing, and reads no answer.
 *
 *     node ideal.ts KUBECONFIG CONCURRENCY
 */
import { conditionJson } from "../../../lib/model/conditions.ts";
import { SERVICE_FINALIZER } from "../../../lib/model/meta.ts";
import { virtualIPJson } from "../../../lib/model/virtual-ip.ts";
import { Connection } from "./connection.ts";

const [kubeconfig = "", concurrency = ""] = process.argv.slice(2);
const workersMax = Number(concurrency);
const connection = new Connection(kubeconfig, 128);
const l2 = { interfaces: [], nodeSelector: undefined, preferred: [] };

interface Created {
  readonly metadata: {
    readonly namespace: string;
    readonly name: string;
    readonly uid: string;
    readonly resourceVersion: string;
  };
  readonly spec: { readonly type: string; readonly ports: readonly { name: string; protocol: "TCP"; port: number }[] };
  readonly status: { readonly conditions?: readonly unknown[] };
}

let given = 0;
let workers = 0;
const waiting: Created[] = [];
let head = 0;

async function give({ metadata, spec }: Created): Promise<void> {
  const { namespace, name, uid, resourceVersion } = metadata;
  const address = `10.128.${given >> 8}.${given++ & 255}`;
  const ports = spec.ports.map(({ name, protocol, port }) => ({ name, protocol, port }));
  const service = { namespace, name, uid, externalTrafficPolicy: "Cluster", ports } as const;
  const vip = virtualIPJson(address, { address, pool: "bench", services: [service], l2 });
  await connection.write(
    "POST",
    "/apis/berth.dev/v1alpha1/virtualips?fieldManager=berth-controller",
    "application/json",
    vip,
  );
  const condition = conditionJson({
    type: "berth.dev/AddressAssigned",
    status: "True",
    reason: "Assigned",
    message: `${address} from IPPool bench`,
    lastTransitionTime: new Date().toISOString(),
    observedGeneration: undefined,
  });
  const patch = {
    metadata: { uid, resourceVersion, finalizers: [SERVICE_FINALIZER] },
    status: { loadBalancer: { ingress: [{ ip: address, ipMode: "VIP" }] }, conditions: [condition] },
  };
  const path = `/api/v1/namespaces/${namespace}/services/${name}/status?fieldManager=berth-controller`;
  await connection.write("PATCH", path, "application/merge-patch+json", patch);
}

async function work(): Promise<void> {
  workers++;
  for (let one = waiting[head]; one !== undefined; one = waiting[head]) {
    head++;
    await give(one);
  }
  workers--;
}

await connection.watch("/api/v1/services", (line) => {
  if (!line.startsWith('{"type":"ADDED"')) return;
  const { object } = JSON.parse(line) as { readonly object: Created };
  if (object.spec.type !== "LoadBalancer") return;
  waiting.push(object);
  if (workers < workersMax) void work();
});
console.log("watching");

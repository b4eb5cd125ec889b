/**
 * A program: 16 clients create Services of type LoadBalancer as fast as they are answered, and one watch sees when each has
 * its address. It prints what it has seen as one line and ends.
 *
 *     node load.ts KUBECONFIG COUNT created|addressed
 */
import { Connection } from "./connection.ts";

const CLIENTS = 16;
const PATH = "/api/v1/namespaces/default/services";

const [kubeconfig = "", count = "", until = ""] = process.argv.slice(2);
const size = Number(count);
const connection = new Connection(kubeconfig, CLIENTS + 1);
const answeredMs = new Map<string, number>();
const addressedMs = new Map<string, number>();
const everyAddress = Promise.withResolvers<void>();

await connection.watch(PATH, (line) => {
  const now = performance.now();
  if (!line.includes('"ingress":[{"ip"')) return;
  const { object } = JSON.parse(line);
  if (!addressedMs.has(object.metadata.name)) addressedMs.set(object.metadata.name, now);
  if (addressedMs.size === size) everyAddress.resolve();
});

/** Node ports are fewer than the Services of a large burst. */
function serviceObject(name: string): object {
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name },
    spec: {
      type: "LoadBalancer",
      allocateLoadBalancerNodePorts: false,
      selector: { app: name },
      ports: [{ name: "http", port: 80, protocol: "TCP" }],
    },
  };
}

let next = 0;
async function client(): Promise<void> {
  while (next < size) {
    const name = `burst-${next++}`;
    await connection.write("POST", PATH, "application/json", serviceObject(name));
    answeredMs.set(name, performance.now());
  }
}

const startedMs = performance.now();
await Promise.all(Array.from({ length: CLIENTS }, client));
if (until === "addressed") await everyAddress.promise;
const seconds = (performance.now() - startedMs) / 1_000;
// The watch may be ahead of the answer.
const latenciesMs = [...addressedMs].map(([name, at]) => Math.max(0, at - (answeredMs.get(name) ?? at)));
// Ten thousand latencies are more than a pipe takes at once: it ends when all of them are through.
process.stdout.write(JSON.stringify({ seconds, latenciesMs }), () => process.exit(0));

/**
 * In place of the API server of a cluster of two nodes, for a speaker that is measured: lists, watches, JSON patches and
 * conditions of what a speaker asks for. It plays the speaker's predecessor on the node as well, which hands the Lease over as
 * in a rolling update, and the speaker of the other node, whose Lease it renews. Whether a speaker gets on with a real API
 * server is for the lab to show; here it is only to do what it does in a cluster.
 *
 *     node api.ts '{"port": …, "objects": {…}}'
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { Json } from "../../../lib/kube/api.ts";
import { NEXT_INSTANCE_ANNOTATION, PREVIOUS_INSTANCE_ANNOTATION } from "../../../lib/model/speaker-lease.ts";
import { applyOperation, type Operation, type Tree } from "../../lib/lease/lease-server.ts";
import { type ClusterOptions, clusterObjects, PEER_LEASE } from "./cluster.ts";

const RENEW_MS = 3_000;
const BOOKMARK_MS = 30_000;

const { port, ...cluster } = JSON.parse(process.argv[2] ?? "") as ClusterOptions & { readonly port: number };
/** By the path of their collection and their name. */
const objects = new Map<string, Map<string, Tree>>();
const watches = new Map<string, Set<ServerResponse>>();
let version = 1;

for (const [collection, list] of Object.entries(clusterObjects(cluster))) {
  objects.set(collection, new Map());
  for (const object of list) store(collection, object as Tree);
}

function metaOf(object: Tree): Tree {
  return object["metadata"] as Tree;
}

function store(collection: string, object: Tree): Tree {
  version += 1;
  const stored: Tree = { ...object, metadata: { ...metaOf(object), resourceVersion: String(version) } };
  const name = String(metaOf(object)["name"]);
  const type = objects.get(collection)?.has(name) ? "MODIFIED" : "ADDED";
  objects.get(collection)?.set(name, stored);
  for (const watch of watches.get(collection) ?? []) watch.write(`${JSON.stringify({ type, object: stored })}\n`);
  return stored;
}

function answer(request: IncomingMessage, response: ServerResponse, body: string): void {
  const url = new URL(request.url ?? "", "http://api");
  const path = url.pathname.replace(/\/status$/, "");
  const [, collection = "", name = ""] = /^(.*)\/([^/]+)$/.exec(path) ?? [];
  const found = objects.get(collection)?.get(name);
  if (path.startsWith("/apis/events.k8s.io/")) send(response, 201, JSON.parse(body) as Json);
  else if (objects.has(path) && url.searchParams.has("watch")) watch(path, url, response);
  else if (objects.has(path)) list(path, url, response);
  else if (found === undefined) refuse(response, 404, "NotFound", path);
  else if (request.method === "PATCH") {
    const contentType = request.headers["content-type"] ?? "";
    change(response, collection, () => patched(found, contentType, body));
  } else send(response, 200, found);
}

/** Stores what the change makes; a `test` that fails is the patch refused. */
function change(response: ServerResponse, collection: string, make: () => Tree): void {
  try {
    send(response, 200, store(collection, make()));
  } catch (thrown) {
    refuse(response, 422, "Invalid", String(thrown));
  }
}

/** A JSON patch, or the conditions of a server-side apply. */
function patched(found: Tree, contentType: string, body: string): Tree {
  const object = structuredClone(found) as Tree;
  if (contentType === "application/json-patch+json") {
    for (const operation of JSON.parse(body) as Operation[]) applyOperation(object, operation);
    return handedOver(object);
  }
  const status = (object["status"] ?? {}) as Tree;
  const applied = ((JSON.parse(body) as Tree)["status"] as Tree)["conditions"] as Tree[];
  const types = new Set(applied.map((one) => one["type"]));
  const kept = ((status["conditions"] ?? []) as Tree[]).filter((one) => !types.has(one["type"]));
  return { ...object, status: { ...status, conditions: [...kept, ...applied] } };
}

/** The predecessor gives its Lease to the one that queues for it. */
function handedOver(object: Tree): Tree {
  const annotations = metaOf(object)["annotations"] as Tree | undefined;
  const next = annotations?.[NEXT_INSTANCE_ANNOTATION];
  if (annotations === undefined || next === undefined) return object;
  const spec = object["spec"] as Tree;
  const { [NEXT_INSTANCE_ANNOTATION]: _next, ...kept } = annotations;
  const marked = { ...kept, [PREVIOUS_INSTANCE_ANNOTATION]: spec["holderIdentity"] };
  return {
    ...object,
    metadata: { ...metaOf(object), annotations: marked },
    spec: { ...spec, holderIdentity: next, renewTime: new Date().toISOString().replace("Z", "000Z") },
  };
}

function list(collection: string, url: URL, response: ServerResponse): void {
  const all = [...(objects.get(collection)?.values() ?? [])];
  const from = Number(url.searchParams.get("continue") ?? 0);
  const to = from + Number(url.searchParams.get("limit") ?? all.length);
  const metadata = { resourceVersion: String(version), ...(to < all.length ? { continue: String(to) } : {}) };
  send(response, 200, { kind: "List", metadata, items: all.slice(from, to) as Json[] });
}

/** Nothing is missed: the version that is asked for is never older than the last change by much, and what came since is sent. */
function watch(collection: string, url: URL, response: ServerResponse): void {
  const since = Number(url.searchParams.get("resourceVersion") ?? 0);
  response.writeHead(200, { "content-type": "application/json" }).flushHeaders();
  for (const object of objects.get(collection)?.values() ?? []) {
    if (Number(metaOf(object)["resourceVersion"]) > since) {
      response.write(`${JSON.stringify({ type: "MODIFIED", object })}\n`);
    }
  }
  const open = watches.get(collection) ?? new Set();
  watches.set(collection, open.add(response));
  response.on("close", () => open.delete(response));
}

function send(response: ServerResponse, status: number, body: Json): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}

function refuse(response: ServerResponse, code: number, reason: string, message: string): void {
  send(response, code, { kind: "Status", status: "Failure", code, reason, message });
}

setInterval(() => {
  const [collection, name] = PEER_LEASE;
  const lease = objects.get(collection)?.get(name);
  if (lease === undefined) return;
  const spec = lease["spec"] as Tree;
  store(collection, { ...lease, spec: { ...spec, renewTime: new Date().toISOString().replace("Z", "000Z") } });
}, RENEW_MS);

setInterval(() => {
  const object = { metadata: { resourceVersion: String(version) } };
  for (const open of watches.values()) {
    for (const response of open) response.write(`${JSON.stringify({ type: "BOOKMARK", object })}\n`);
  }
}, BOOKMARK_MS);

const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("end", () => answer(request, response, Buffer.concat(chunks).toString()));
});
server.listen(port, "127.0.0.1", () => console.log("listening"));
// It ends with the one that started it.
process.stdin.on("end", () => process.exit(0)).resume();

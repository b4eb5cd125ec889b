/** Connections of the client to the API server: how many, how long, over TLS with which certificates. */
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import type { ServerOptions } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TLSSocket } from "node:tls";
import { afterEach, describe, expect, test } from "@jest/globals";
import type { KubeApi } from "../../../lib/kube/api.ts";
import { createKubeApi } from "../../../lib/kube/client.ts";
import { type Answer, type FakeServer, json, startFakeServer } from "./fake-server.ts";

const undo: (() => unknown)[] = [];
afterEach(async () => {
  for (const one of undo.splice(0).reverse()) await one();
});

const fixture = (name: string): string => join(import.meta.dirname, "fixtures", name);
const certificate = (name: string): ServerOptions => ({
  cert: readFileSync(fixture(`${name}.pem`)),
  key: readFileSync(fixture(`${name}.key`)),
});

async function server(answer: Answer, tls?: ServerOptions, port?: number): Promise<FakeServer> {
  const started = await startFakeServer(answer, tls, port);
  undo.push(() => started.close());
  return started;
}

function client(of: FakeServer, user?: Record<string, unknown>, cluster?: Record<string, unknown>): KubeApi {
  const api = createKubeApi({ config: of.config(user, cluster), userAgent: "berth-test/0" });
  undo.push(() => api.closeConnections());
  return api;
}

const good: Answer = (_, response) => json(response, 200, { good: true });
const until = async (condition: () => boolean): Promise<void> => {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
};

describe("connections", () => {
  test("requests one after the other share one", async () => {
    const sockets = new Set<unknown>();
    const one = await server((_, response) => {
      sockets.add(response.socket);
      json(response, 200, {});
    });
    const api = client(one);
    await api.get("/a");
    await api.create("/a", {});
    await api.delete("/a", { preconditions: {} });
    await api.get("/a");
    expect(sockets.size).toBe(1);
  });

  test("there are at most 128; what is too much waits and is not lost", async () => {
    const waiting: (() => void)[] = [];
    const one = await server((_, response) => waiting.push(() => json(response, 200, {})));
    const api = client(one);
    const all = Array.from({ length: 140 }, () => api.get("/a"));
    await until(() => waiting.length === 128);
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
    expect(one.seen).toHaveLength(128);
    expect(one.connections.size).toBe(128);
    for (const answer of waiting.splice(0)) answer();
    await until(() => waiting.length === 12);
    for (const answer of waiting.splice(0)) answer();
    expect(await Promise.all(all)).toHaveLength(140);
  });

  test("a request that waits for one is ended with the others", async () => {
    const one = await server(() => {});
    const api = client(one);
    const all = Array.from({ length: 130 }, () => api.get("/a").catch((error: { code: string }) => error.code));
    await until(() => one.seen.length === 128);
    api.closeConnections();
    expect(new Set(await Promise.all(all))).toEqual(new Set(["api-unreachable"]));
    await until(() => one.connections.size === 0);
  });

  test("the path of the server goes before the path of a call", async () => {
    const one = await server(good);
    const config = one.config();
    Object.assign(config.clusters[0] ?? {}, { server: `${config.clusters[0]?.server}/k8s/clusters/c-1/` });
    await createKubeApi({ config, userAgent: "berth-test/0" }).get("/api/v1/nodes", { query: { limit: "5" } });
    expect(one.seen[0]?.url).toBe("/k8s/clusters/c-1/api/v1/nodes?limit=5");
  });
});

describe("TLS", () => {
  test("a server whose authority is trusted is spoken to, and no other", async () => {
    const one = await server(good, certificate("old-server"));
    expect(await client(one, {}, { caFile: fixture("old-ca.pem") }).get("/a")).toEqual({ good: true });
    const stranger = client(one, {}, { caFile: fixture("new-ca.pem") });
    await expect(stranger.get("/a")).rejects.toMatchObject({ code: "api-unreachable" });
    const trusting = client(one, {}, { caFile: fixture("new-ca.pem"), skipTLSVerify: true });
    expect(await trusting.get("/a")).toEqual({ good: true });
    const named = client(one, {}, { caFile: fixture("old-ca.pem"), tlsServerName: "another.example" });
    await expect(named.get("/a")).rejects.toMatchObject({ code: "api-unreachable" });
  });

  test("a client certificate is shown, in watches too", async () => {
    const names: unknown[] = [];
    const tls = { ...certificate("old-server"), ca: readFileSync(fixture("old-ca.pem")), requestCert: true };
    const one = await server((_, response) => {
      names.push((response.socket as TLSSocket).getPeerCertificate().subject?.CN);
      json(response, 200, {});
    }, tls);
    const user = { certFile: fixture("client.pem"), keyFile: fixture("client.key") };
    const api = client(one, user, { caFile: fixture("old-ca.pem") });
    await api.get("/a");
    await new Promise<void>((resolve) => {
      api.watch("/a", {}, { onEvent: () => {}, onEnd: () => resolve() });
    });
    expect(names).toEqual(["berth-test-client", "berth-test-client"]);
  });

  test("an authority that rotated is trusted from the next reading on; what is under way ends in peace", async () => {
    const directory = mkdtempSync(join(tmpdir(), "berth-ca-"));
    undo.push(() => rmSync(directory, { recursive: true }));
    const caFile = join(directory, "ca.pem");
    copyFileSync(fixture("old-ca.pem"), caFile);
    const late = Promise.withResolvers<() => void>();
    const first = await server((seen, response) => {
      if (seen.url === "/late") late.resolve(() => json(response, 200, { late: true }));
      else json(response, seen.url === "/refused" ? 401 : 200, { of: "first" });
    }, certificate("old-server"));
    const api = client(first, {}, { caFile });
    const hanging = api.get("/late");
    const answerLate = await late.promise;
    copyFileSync(fixture("new-ca.pem"), caFile);
    // A 401 makes the client read everything again.
    await expect(api.get("/refused")).rejects.toMatchObject({ status: 401 });
    await expect(api.get("/a")).rejects.toMatchObject({ code: "api-unreachable" });
    await until(() => first.connections.size === 1);
    answerLate();
    expect(await hanging).toEqual({ late: true });
    await until(() => first.connections.size === 0);
    const port = Number(new URL(first.config().clusters[0]?.server ?? "").port);
    await first.close();
    await server(good, certificate("new-server"), port);
    expect(await api.get("/a")).toEqual({ good: true });
  });

  test("one on which nothing was heard in time is not used again", async () => {
    const used: unknown[] = [];
    const one = await server((request, response) => {
      used.push(response.socket);
      if (request.url !== "/hangs") json(response, 200, {});
    });
    const api = client(one);
    await api.get("/a");
    await expect(api.get("/hangs", { timeoutMs: 50 })).rejects.toMatchObject({ code: "api-timeout" });
    await api.get("/b");
    expect(used.map((socket) => used.indexOf(socket))).toEqual([0, 0, 2]);
  });

  test("a server that never finishes the handshake does not hold a request longer than it may take", async () => {
    const sockets = new Set<Socket>();
    const mute = createServer((socket) => sockets.add(socket));
    await new Promise<void>((resolve) => mute.listen(0, "127.0.0.1", resolve));
    undo.push(() => {
      for (const socket of sockets) socket.destroy();
      mute.close();
    });
    const one = await server(good, certificate("old-server"));
    const config = one.config({}, { caFile: fixture("old-ca.pem") });
    const { port } = mute.address() as AddressInfo;
    Object.assign(config.clusters[0] ?? {}, { server: `https://127.0.0.1:${port}` });
    const api = createKubeApi({ config, userAgent: "berth-test/0" });
    await expect(api.get("/a", { timeoutMs: 50 })).rejects.toMatchObject({ code: "api-timeout" });
  });
});

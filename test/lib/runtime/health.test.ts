import { afterEach, describe, expect, test } from "@jest/globals";
import { type HealthServer, startHealthServer } from "../../../lib/runtime/health.ts";
import { silentLogger } from "../../../lib/runtime/log.ts";

const open: HealthServer[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((server) => server.close()));
});

async function start(problems: { ready?: string; alive?: string } = {}, port = 0): Promise<HealthServer> {
  const server = await startHealthServer({
    port,
    host: "127.0.0.1",
    ready: () => problems.ready,
    alive: () => problems.alive,
    log: silentLogger,
  });
  open.push(server);
  return server;
}

async function ask(server: HealthServer, path: string, method = "GET"): Promise<[number, string]> {
  const response = await fetch(`http://127.0.0.1:${server.port}${path}`, { method });
  return [response.status, await response.text()];
}

describe("startHealthServer", () => {
  test.each([
    [{}, "/healthz", 200, "ok\n"],
    [{}, "/readyz", 200, "ok\n"],
    [{ ready: "no Lease yet" }, "/readyz", 503, "no Lease yet\n"],
    [{ ready: "no Lease yet" }, "/healthz", 200, "ok\n"],
    [{ alive: "worker is stuck" }, "/healthz?verbose", 503, "worker is stuck\n"],
    [{}, "/", 404, "try /healthz, /readyz or /metrics\n"],
  ])("%j %s -> %i", async (problems, path, status, body) => {
    expect(await ask(await start(problems), path)).toEqual([status, body]);
  });

  test("metrics are served, other methods are not", async () => {
    const server = await start();
    const [status, body] = await ask(server, "/metrics");
    expect(status).toBe(200);
    expect(body).toContain("berth_process_resident_memory_bytes");
    expect((await ask(server, "/metrics", "POST"))[0]).toBe(405);
  });

  test("two processes share one port (a surge pod), and the one that stays answers", async () => {
    const first = await start();
    const second = await start({}, first.port);
    expect(second.port).toBe(first.port);
    await first.close();
    expect(await ask(second, "/healthz")).toEqual([200, "ok\n"]);
  });

  test("a host that is not ours is named in the error", async () => {
    const wrong = startHealthServer({
      port: 8080,
      host: "192.0.2.1",
      ready: () => undefined,
      alive: () => undefined,
      log: silentLogger,
    });
    await expect(wrong).rejects.toMatchObject({ code: "os", message: expect.stringContaining("192.0.2.1:8080") });
  });
});

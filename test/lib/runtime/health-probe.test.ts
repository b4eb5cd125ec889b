import { expect, test } from "@jest/globals";
import { startHealthServer } from "../../../lib/runtime/health.ts";
import { probeHealth } from "../../../lib/runtime/health-probe.ts";
import { silentLogger } from "../../../lib/runtime/log.ts";

test("the status of a health endpoint, and refused where nobody listens", async () => {
  const server = await startHealthServer({
    port: 0,
    host: "127.0.0.1",
    ready: () => "not yet",
    alive: () => undefined,
    log: silentLogger,
  });
  const ask = (path: string) => probeHealth("127.0.0.1", server.port, path, 5_000);
  expect([await ask("/healthz"), await ask("/readyz")]).toEqual([200, 503]);
  await server.close();
  expect(await ask("/healthz")).toBe("refused");
});

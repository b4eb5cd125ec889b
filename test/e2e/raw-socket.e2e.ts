import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { Lab } from "../lab/lab.ts";
import { sourceDir } from "../lab/paths.ts";
import { type SharedLab, withLab } from "../lab/shared.ts";

/** raw-socket as it was compiled for our Node, on a node of the lab, towards a client outside. */
describe("raw-socket", () => {
  let shared: SharedLab;
  let lab: Lab;

  beforeAll(async () => {
    shared = await withLab();
    lab = shared.lab;
  }, 600_000);

  afterAll(() => shared.release(), 60_000);

  const pingOnce = join(sourceDir, "../speaker/net/ping-once.ts");

  test("pings a client of the lab over both families, and says when nobody answers", async () => {
    const { ipv4, ipv6 } = lab.station("c1");
    const argv = [process.execPath, pingOnce, ipv4, ipv6, "10.99.0.99"];
    const { code, stdout, stderr } = await lab.exec("n1", argv, { timeoutMs: 30_000 });
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const answered = { ok: true, value: { roundTripMs: expect.any(Number) } };
    expect(JSON.parse(stdout)).toEqual([answered, answered, { ok: false, reason: "timeout" }]);
  });
});

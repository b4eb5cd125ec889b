import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { Lab } from "../lab/lab.ts";
import { type SharedLab, withLab } from "../lab/shared.ts";
import { Berth, berthNamespace } from "./berth.ts";
import { poolCases, stories, virtualIpCases } from "./crds.cases.ts";

/** What `kubectl` says when an object is wrong: the API server refuses it at once, with the field, the value and the way out. */
describe("the API server", () => {
  let shared: SharedLab;
  let lab: Lab;
  let berth: Berth;

  beforeAll(async () => {
    shared = await withLab();
    lab = shared.lab;
    berth = new Berth(lab);
    await berth.install();
    // The controller would take VirtualIPs without a Service for left-overs and collect them.
    await berth.kubectl("-n", berthNamespace, "scale", "deployment/berth-controller", "--replicas=0");
    const gone = async () => ((await berth.pods("controller")).length === 0 ? true : undefined);
    await lab.waitFor("the controllers to be gone", gone, { timeoutMs: 60_000 });
  }, 600_000);

  afterAll(async () => {
    await berth.kubectl("-n", berthNamespace, "scale", "deployment/berth-controller", "--replicas=2");
    await berth.ready();
    await shared.release();
  }, 120_000);

  function expectRefusal(
    output: { readonly code: number; readonly stderr: string },
    refusal: readonly string[] | undefined,
  ): void {
    if (refusal === undefined) {
      expect(output).toMatchObject({ code: 0 });
      return;
    }
    expect(output.code).not.toBe(0);
    for (const text of refusal) expect(output.stderr).toContain(text);
  }

  test.each([...poolCases, ...virtualIpCases])("$name", async ({ object, refusal }) => {
    const output = await lab.kubectl(["create", "--dry-run=server", "-f", "-"], { input: JSON.stringify(object) });
    expectRefusal(output, refusal);
  });

  test.each(stories)("$name", async ({ object, steps }) => {
    const { kind, metadata } = object as { kind: string; metadata: { name: string } };
    expectRefusal(await lab.kubectl(["create", "-f", "-"], { input: JSON.stringify(object) }), undefined);
    try {
      for (const { patch, subresource, refusal } of steps) {
        const where = subresource === "" ? [] : [`--subresource=${subresource}`];
        const args = ["patch", kind, metadata.name, "--type=merge", ...where, "-p", JSON.stringify(patch)];
        expectRefusal(await lab.kubectl(args), refusal);
      }
    } finally {
      await lab.kubectl(["delete", kind, metadata.name, "--wait=false"]);
    }
  });
});

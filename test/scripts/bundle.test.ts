import { expect, test } from "@jest/globals";
import { build } from "esbuild";
import { packagesIn } from "../../scripts/image/app.ts";
import { bundleOptions } from "../../scripts/image/bundle.ts";

const bundled = (entryPoints: Readonly<Record<string, string>>) =>
  build({ ...bundleOptions(entryPoints, "/nowhere", ["koffi", "raw-socket"]), write: false, logLevel: "silent" });

test("no program carries a second HTTP client, or a way to log in that it refuses", async () => {
  const { metafile, outputFiles } = await bundled({ controller: "controller/main.ts", speaker: "speaker/main.ts" });
  expect(packagesIn(Object.keys(metafile?.inputs ?? {}))).toEqual(
    expect.arrayContaining(["@kubernetes/client-node", "commander", "ip-address", "js-yaml", "pino", "prom-client"]),
  );
  for (const absent of ["undici", "openid-client", "jsonpath-plus", "socks", "hpagent", "@opentelemetry/api"]) {
    expect(packagesIn(Object.keys(metafile?.inputs ?? {}))).not.toContain(absent);
  }
  expect(outputFiles).toHaveLength(2);
  for (const { text } of outputFiles ?? []) {
    // One character beyond ASCII, and V8 keeps the whole text in two bytes for each.
    expect(Buffer.byteLength(text)).toBe(text.length);
    // An ES module that imports node:http loads the HTTP client inside Node.
    expect(text).not.toMatch(/^import[ {"]/m);
  }
});

test("what was to be left out and is not there fails the build", async () => {
  await expect(bundled({ result: "lib/runtime/result.ts" })).rejects.toThrow("was to be left out");
});

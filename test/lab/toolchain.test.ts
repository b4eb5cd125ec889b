import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "@jest/globals";
import { dockerArchive, tar } from "./archive.ts";
import { sourceDir } from "./paths.ts";
import { buildKey, buildStep } from "./toolchain.ts";

describe("the key of a build", () => {
  const files = new Map([
    ["go.sum", Buffer.from("sums")],
    ["main.go", Buffer.from("package main")],
  ]);
  const key = buildKey(files, "go1.26", "-s");

  test("does not depend on the order of the files", () => {
    expect(buildKey(new Map([...files].reverse()), "go1.26", "-s")).toBe(key);
  });

  test.each([
    {
      name: "a file's content",
      changed: buildKey(new Map([...files, ["go.sum", Buffer.from("other")]]), "go1.26", "-s"),
    },
    { name: "a file's name", changed: buildKey(new Map([["go.sums", Buffer.from("sums")]]), "go1.26", "-s") },
    { name: "another file", changed: buildKey(new Map([...files, ["x.go", Buffer.alloc(0)]]), "go1.26", "-s") },
    { name: "the compiler", changed: buildKey(files, "go1.27", "-s") },
    { name: "the flags", changed: buildKey(files, "go1.26", "-w") },
  ])("changes with $name", ({ changed }) => {
    expect(changed).not.toBe(key);
  });
});

describe("a line of the compiler", () => {
  test.each([
    { line: "go: downloading k8s.io/kubernetes v1.36.3", step: "fetched" },
    { line: "internal/goarch", step: "compiled" },
    { line: "errors", step: "compiled" },
    { line: "github.com/Azure/go-ansiterm/winterm", step: "compiled" },
    { line: "sigs.k8s.io/structured-merge-diff/v6/fieldpath", step: "compiled" },
    { line: "# k8s.io/kubernetes/pkg/kubelet", step: "other" },
    { line: "main.go:12:2: undefined: x", step: "other" },
    { line: "go: k8s.io/kubernetes@v1.36.3: missing go.sum entry", step: "other" },
  ])("$line: $step", ({ line, step }) => {
    expect(buildStep(line)).toBe(step);
  });
});

describe("an archive", () => {
  const directory = mkdtempSync(join(tmpdir(), "berth-archive-"));
  afterAll(() => rmSync(directory, { recursive: true }));

  test("is read by tar, with contents and permissions", () => {
    const path = join(directory, "a.tar");
    const long = Buffer.alloc(1500, "x");
    writeFileSync(
      path,
      tar([
        { path: "bin/program", content: long, mode: 0o755 },
        { path: "empty", content: Buffer.alloc(0) },
        { path: "block", content: Buffer.alloc(512, "y") },
      ]),
    );
    const listing = execFileSync("tar", ["-tvf", path], { encoding: "utf8" }).trim().split("\n");
    expect(listing.map((line) => line.replace(/\s+/g, " ").replace(/\d{4}-.*:\d\d /, ""))).toEqual([
      "-rwxr-xr-x 0/0 1500 bin/program",
      "-rw-r--r-- 0/0 0 empty",
      "-rw-r--r-- 0/0 512 block",
    ]);
    expect(execFileSync("tar", ["-xOf", path, "bin/program"])).toEqual(long);
  });

  test("refuses a path that the format has no room for", () => {
    expect(() => tar([{ path: "x".repeat(100), content: Buffer.alloc(0) }])).toThrow(/too long/);
  });

  test("of images holds a config for each, which names the layer they share", () => {
    const path = join(directory, "images.tar");
    const images = [
      { name: "lab.local/a:1", entrypoint: ["/a"] },
      { name: "lab.local/b:1", entrypoint: ["/b", "serve"], user: "1:1" },
    ];
    writeFileSync(path, dockerArchive([{ path: "a", content: Buffer.from("binary") }], images));
    const read = (file: string): string => execFileSync("tar", ["-xOf", path, file], { encoding: "utf8" });
    const manifest = JSON.parse(read("manifest.json")) as { Config: string; RepoTags: string[]; Layers: string[] }[];
    expect(manifest.map((entry) => entry.RepoTags)).toEqual([["lab.local/a:1"], ["lab.local/b:1"]]);
    const layers = new Set(manifest.flatMap((entry) => entry.Layers));
    expect(layers.size).toBe(1);
    const diffId = `sha256:${[...layers][0]?.replace(".tar", "")}`;
    const configs = manifest.map((entry) => JSON.parse(read(entry.Config)) as Record<string, unknown>);
    expect(configs.map((config) => config["config"])).toEqual([
      { Entrypoint: ["/a"] },
      { Entrypoint: ["/b", "serve"], User: "1:1" },
    ]);
    for (const config of configs) expect(config["rootfs"]).toEqual({ type: "layers", diff_ids: [diffId] });
  });
});

test("the lab's Go tools pass their own tests", () => {
  const module = join(sourceDir, "tools");
  expect(readFileSync(join(module, "go.mod"), "utf8")).not.toContain("require");
  const environment = { ...process.env, CGO_ENABLED: "0", GOWORK: "off" };
  const output = execFileSync("go", ["test", "-C", module, "."], { encoding: "utf8", env: environment });
  expect(output).toMatch(/^ok\s/);
}, 120_000);

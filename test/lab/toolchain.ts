import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { BerthError } from "../../lib/runtime/errors.ts";
import { dockerArchive } from "./archive.ts";
import { pauseImage } from "./node-config.ts";
import { cacheDir, sourceDir } from "./paths.ts";
import { must, run } from "./run.ts";

export type Say = (line: string) => void;

export const backendImage = "lab.local/backend:1";

interface Module {
  readonly directory: string;
  readonly output: string;
  readonly ldflags: string;
}

/** Clients parse this version, and k8s.io/kubernetes has none of its own when it is built as a module. */
const clusterModule: Module = {
  directory: join(sourceDir, "cluster"),
  output: "cluster",
  ldflags: "-s -w -X k8s.io/component-base/version.gitVersion=v1.36.3",
};
const toolsModule: Module = { directory: join(sourceDir, "tools"), output: "tools", ldflags: "-s -w" };

const buildEnvironment = { ...process.env, CGO_ENABLED: "0", GOGC: "400", GOWORK: "off" };

/** The key of a build: everything that decides what comes out of it. */
export function buildKey(files: ReadonlyMap<string, Uint8Array>, goVersion: string, ldflags: string): string {
  const hash = createHash("sha256").update(JSON.stringify([goVersion, ldflags]));
  for (const name of [...files.keys()].sort()) {
    const content = files.get(name) ?? new Uint8Array();
    hash.update(JSON.stringify([name, content.length])).update(content);
  }
  return hash.digest("hex");
}

function sourcesOf(directory: string): Map<string, Uint8Array> {
  const names = readdirSync(directory).filter(
    (name) => /^go\.(mod|sum)$|\.go$/.test(name) && !name.endsWith("_test.go"),
  );
  return new Map(names.map((name) => [name, readFileSync(join(directory, name))]));
}

async function goVersion(): Promise<string> {
  const version = await run(["go", "version"]);
  if (version.code !== 0) {
    throw new BerthError(
      "os",
      "the lab needs Go (1.26 or newer) on the PATH to build its cluster: https://go.dev/doc/install",
    );
  }
  return version.stdout.trim();
}

/** Builds one Go module into the cache, or finds it there; the path of the binary. */
async function build(module: Module, version: string, say: Say): Promise<string> {
  const directory = join(cacheDir(), buildKey(sourcesOf(module.directory), version, module.ldflags));
  const path = join(directory, module.output);
  if (existsSync(path)) return path;
  await mkdir(directory, { recursive: true });
  const partial = `${path}.partial`;
  await compile(module, partial, say);
  await rename(partial, path);
  return path;
}

/** What a line of `go build -v` tells: a module that is fetched, a package that is compiled, or anything else. Pure. */
export function buildStep(line: string): "fetched" | "compiled" | "other" {
  if (line.startsWith("go: downloading ")) return "fetched";
  return /^[\w.~-]+(\/[\w.~-]+)*$/.test(line) ? "compiled" : "other";
}

/** `go build -v` names each package it compiles and each module it fetches: counting them is the progress. */
async function compile(module: Module, output: string, say: Say): Promise<void> {
  const startedAt = performance.now();
  const seconds = (): string => `${Math.round((performance.now() - startedAt) / 1000)} s`;
  let fetched = 0;
  let compiled = 0;
  let total: number | undefined;
  let rest = "";
  const errors: string[] = [];
  const onLine = (line: string): void => {
    const step = buildStep(line);
    if (step === "fetched") fetched += 1;
    else if (step === "compiled") compiled += 1;
    else if (line !== "" && errors.length < 50) errors.push(line);
  };
  say(`building ${module.output} from Go source (minutes on the first run, kept for the next)`);
  const timer = setInterval(() => {
    const of = total === undefined ? "" : ` of at most ${total}`;
    say(`building ${module.output}: ${fetched} modules fetched, ${compiled}${of} packages compiled, ${seconds()}`);
  }, 5000);
  const listing = run(["go", "list", "-C", module.directory, "-deps", "."], {
    env: buildEnvironment,
    timeoutMs: 600_000,
  });
  void listing.then((list) => {
    total = list.code === 0 ? list.stdout.split("\n").length : undefined;
  });
  const flags = ["-C", module.directory, "-v", "-trimpath", "-ldflags", module.ldflags, "-o", output, "."];
  const child = spawn("go", ["build", ...flags], { env: buildEnvironment, stdio: ["ignore", "ignore", "pipe"] });
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop() ?? "";
    lines.forEach(onLine);
  });
  const code = await new Promise<number>((resolve, reject) => {
    child.on("error", reject).on("close", (code_) => resolve(code_ ?? -1));
  }).finally(() => clearInterval(timer));
  if (code !== 0) throw new BerthError("os", `go build of ${module.output} failed:\n${errors.join("\n")}`);
  say(`built ${module.output}: ${compiled} packages compiled, ${seconds()}`);
}

/** Builds a program of the standard library alone from the Go source in a directory, or finds it in the cache; its path. */
export async function goProgram(directory: string, output: string, say: Say): Promise<string> {
  return build({ directory, output, ldflags: "-s -w" }, await goVersion(), say);
}

export interface Toolchain {
  /** Every Kubernetes program and etcd, by first argument. */
  readonly cluster: string;
  /** backend, pause and connect, by first argument; static, runs anywhere. */
  readonly tools: string;
  /** docker-archive with the sandbox and the backend image. */
  readonly images: string;
}

/** Builds, or finds in the cache, all that the lab runs. BerthError "os" with the compiler's words when it fails. */
export async function prepareToolchain(say: Say): Promise<Toolchain> {
  const version = await goVersion();
  const tools = await build(toolsModule, version, say);
  const images = `${tools}.tar`;
  if (!existsSync(images)) {
    const layer = [{ path: "tools", content: await readFile(tools), mode: 0o755 }];
    const partial = `${images}.partial`;
    await writeFile(
      partial,
      dockerArchive(layer, [
        { name: pauseImage, entrypoint: ["/tools", "pause"] },
        { name: backendImage, entrypoint: ["/tools", "backend"], user: "65532:65532" },
      ]),
    );
    await rename(partial, images);
  }
  const cluster = await build(clusterModule, version, say);
  // A binary that was cut short would fail in a way nobody understands; this costs 50 ms.
  await must([cluster, "kubectl", "version", "--client"]);
  return { cluster, tools, images };
}

/** The part of the image that is ours: the programs, bundled, and the packages with native code beside them. */
import { execFileSync } from "node:child_process";
import { existsSync, globSync } from "node:fs";
import { basename, join } from "node:path";
import { build } from "esbuild";
import { bundleOptions } from "./bundle.ts";
import { place, placeText } from "./files.ts";
import { appDirectory, root, rootTree } from "./names.ts";

/**
 * Bundle to source. The worker is a program of its own, since a thread has its own module graph; the speaker looks for it
 * beside itself under this name.
 */
const programs: Readonly<Record<string, string>> = {
  controller: "controller/main.ts",
  speaker: "speaker/main.ts",
  "frame-worker": "speaker/net/frame-worker.ts",
};

/** Files of the packages that are not bundled, since they load native code by its path. */
const nativePackages: Readonly<Record<string, readonly string[]>> = {
  koffi: ["package.json", "index.js", "index.cjs", "src/koffi/**/*.{js,cjs}", "LICENSE.txt"],
  [`@koromix/koffi-linux-${process.arch}`]: ["package.json", "index.js", `linux_${process.arch}/koffi.node`],
  "raw-socket": ["package.json", "index.js", "build/Release/raw.node", "README.md"],
};

/** The native addons, as paths in this repository. */
export function addons(): string[] {
  return nativeFiles().filter((path) => path.endsWith(".node"));
}

/** Bundles the programs and lays them, with licences, into the root tree. */
export async function layApp(): Promise<void> {
  const result = await build(bundleOptions(present(), join(rootTree, appDirectory), Object.keys(nativePackages)));
  for (const name of packagesIn(Object.keys(result.metafile.inputs))) {
    for (const licence of globSync(`node_modules/${name}/{LICEN[CS]E,licen[cs]e}*`, { cwd: root })) {
      place(join(root, licence), `licenses/${name}/${basename(licence)}`, "data");
    }
  }
  for (const path of nativeFiles()) {
    place(join(root, path), join(appDirectory, path), path.endsWith(".node") ? "program" : "data");
  }
  placeText('{ "type": "commonjs" }\n', `${appDirectory}/package.json`);
}

/** Starts the programs as they lie in the tree, far enough to print their flags: a bundle that cannot load fails here. */
export function tryPrograms(): void {
  for (const name of ["controller", "speaker"]) {
    execFileSync(join(rootTree, "usr/local/bin/node"), [join(rootTree, appDirectory, `${name}.js`), "--help"]);
  }
}

/** Names of the packages that some inputs of a bundle belong to. */
export function packagesIn(inputs: readonly string[]): string[] {
  const names = inputs.flatMap((input) => {
    const tail = input.split("node_modules/").at(-1) ?? "";
    const [, name] = /^((?:@[^/]+\/)?[^/]+)\//.exec(tail) ?? [];
    return input.includes("node_modules/") && name !== undefined ? [name] : [];
  });
  return [...new Set(names)].sort();
}

function present(): Readonly<Record<string, string>> {
  const missing = Object.values(programs).filter((source) => !existsSync(join(root, source)));
  if (missing.length > 0) throw new Error(`no ${missing.join(", no ")}: the image would be without it`);
  return programs;
}

function nativeFiles(): string[] {
  return Object.entries(nativePackages).flatMap(([name, patterns]) =>
    patterns.flatMap((pattern) => {
      const found = globSync(`node_modules/${name}/${pattern}`, { cwd: root }).sort();
      if (found.length === 0) {
        throw new Error(`node_modules/${name}/${pattern} is missing: make deps`);
      }
      return found;
    }),
  );
}

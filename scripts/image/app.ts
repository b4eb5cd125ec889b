/** The part of the image that is ours: the programs, bundled, and the packages with native code beside them. */
import { execFileSync } from "node:child_process";
import { existsSync, globSync } from "node:fs";
import { basename, join, relative } from "node:path";
import { type BuildOptions, build, type Plugin } from "esbuild";
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
  const result = await build(options());
  for (const name of packagesIn(Object.keys(result.metafile?.inputs ?? {}))) {
    for (const licence of globSync(`node_modules/${name}/{LICEN[CS]E,licen[cs]e}*`, { cwd: root })) {
      place(join(root, licence), `licenses/${name}/${basename(licence)}`, "data");
    }
  }
  for (const path of nativeFiles()) {
    place(join(root, path), join(appDirectory, path), path.endsWith(".node") ? "program" : "data");
  }
  placeText('{ "type": "module" }\n', `${appDirectory}/package.json`);
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

/**
 * The configuration of @kubernetes/client-node imports every generated model, though only the types of a few; the package
 * does not say that its files have no side effects. Saying it here leaves the models out: 7 MB less in each process.
 */
const onlyWhatIsUsed: Plugin = {
  name: "only-what-is-used",
  setup({ onResolve, resolve }) {
    onResolve({ filter: /./ }, async ({ path, pluginData, ...where }) => {
      if (pluginData === "resolved" || where.kind === "entry-point") return undefined;
      const found = await resolve(path, { ...where, pluginData: "resolved" });
      return found.path.includes("/node_modules/@kubernetes/client-node/") ? { ...found, sideEffects: false } : found;
    });
  },
};

function options(): BuildOptions {
  const present = Object.entries(programs).filter(([, source]) => existsSync(join(root, source)));
  if (present.length < Object.keys(programs).length) {
    const missing = Object.values(programs).filter((source) => !existsSync(join(root, source)));
    throw new Error(`no ${missing.join(", no ")}: the image would be without it`);
  }
  return {
    absWorkingDir: root,
    entryPoints: Object.fromEntries(present),
    outdir: relative(root, join(rootTree, appDirectory)),
    bundle: true,
    format: "esm",
    platform: "node",
    target: "node26",
    external: Object.keys(nativePackages),
    plugins: [onlyWhatIsUsed],
    legalComments: "none",
    metafile: true,
    // Dependencies written as CommonJS call require(), which an ES module does not have.
    banner: { js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);' },
    logLevel: "warning",
  };
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

/**
 * How the programs are bundled. What a bundle holds stays in the memory of every process, its text as well as what runs when it is
 * loaded, so what no program of ours can reach is left out by name (docs/memory.md).
 */
import { relative } from "node:path";
import type { BuildOptions, Plugin } from "esbuild";
import { root } from "./names.ts";

interface Absent {
  /** The file that imports it; everybody else still gets the real one. */
  readonly importer: RegExp;
  readonly path: RegExp;
  /** What the importer finds in its place. */
  readonly stub: string;
}

/** An authenticator of client-node that is never the one. */
const nobodys = (name: string): string => `export class ${name} { isAuthProvider() { return false; } }`;
const nothing = "module.exports = {};";
const config = /\/@kubernetes\/client-node\/dist\/config\.js$/;

const absent: readonly Absent[] = [
  // Ways to log in that need another program or a browser: lib/kube/client.ts refuses a kubeconfig that asks for one.
  { importer: config, path: /^\.\/azure_auth\.js$/, stub: nobodys("AzureAuth") },
  { importer: config, path: /^\.\/exec_auth\.js$/, stub: nobodys("ExecAuth") },
  { importer: config, path: /^\.\/gcp_auth\.js$/, stub: nobodys("GoogleCloudPlatformAuth") },
  { importer: config, path: /^\.\/oidc_auth\.js$/, stub: nobodys("OpenIDConnectAuth") },
  // client-node's own connections and proxies: ours are made in lib/kube/transport.ts, and a proxy is refused.
  { importer: config, path: /^(undici|socks|socks-proxy-agent|hpagent)$/, stub: nothing },
  { importer: config, path: /^\.\/(gen\/index|middleware)\.js$/, stub: nothing },
  // Parts of prom-client that its index loads for everybody; lib/runtime/metrics.ts has metrics of its own.
  {
    importer: /\/prom-client\/index\.js$/,
    path: /^\.\/lib\/(cluster|defaultMetrics|pushgateway|summary)$/,
    stub: nothing,
  },
];

/** Fails the build when one of the above matches nothing any more: the package has changed, and something new is in the bundle. */
const leaveOut: Plugin = {
  name: "leave-out",
  setup({ onResolve, onLoad, onEnd }) {
    const found = new Set<Absent>();
    onResolve({ filter: /./ }, ({ path, importer }) => {
      const index = absent.findIndex((one) => one.importer.test(importer) && one.path.test(path));
      const one = absent[index];
      if (one === undefined) return undefined;
      found.add(one);
      return { path: `${index}:${path}`, namespace: "absent" };
    });
    onLoad({ filter: /./, namespace: "absent" }, ({ path }) => ({
      contents: absent[Number.parseInt(path, 10)]?.stub ?? "",
    }));
    onEnd(() => ({
      errors: absent
        .filter((one) => !found.has(one))
        .map((one) => ({ text: `nothing imports ${one.path}: was to be left out` })),
    }));
  },
};

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

/**
 * Options for esbuild.
 * @param entryPoints name of the bundle to source
 * @param directory where bundles go, absolute
 * @param external packages that are loaded from node_modules beside the bundles
 */
export function bundleOptions(
  entryPoints: Readonly<Record<string, string>>,
  directory: string,
  external: readonly string[],
): BuildOptions & { readonly metafile: true } {
  return {
    absWorkingDir: root,
    entryPoints: { ...entryPoints },
    outdir: relative(root, directory),
    bundle: true,
    // CommonJS, because an ES module that imports node:http reads every property of it, and behind three of them Node keeps a
    // WebSocket with an HTTP client of its own: 15 MB resident, 6 anonymous.
    format: "cjs",
    define: { "import.meta.url": "bundleUrl" },
    banner: { js: '"use strict"; const bundleUrl = require("node:url").pathToFileURL(__filename).href;' },
    platform: "node",
    target: "node26",
    external: [...external],
    plugins: [leaveOut, onlyWhatIsUsed],
    // V8 keeps the text, in two bytes a character if one of them is not ASCII. Names stay, and lines: they are what a stack trace says.
    minifyWhitespace: true,
    minifySyntax: true,
    lineLimit: 160,
    charset: "ascii",
    legalComments: "none",
    metafile: true,
    logLevel: "warning",
  };
}

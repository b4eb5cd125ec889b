/** The house rules as tables; what each is for stands beside it. The rules themselves are in rules.ts. */

/** Which part of the repository may import which other. Everything not named here is forbidden. */
export const directions: Readonly<Record<string, readonly string[]>> = {
  lib: ["lib"],
  controller: ["controller", "lib"],
  speaker: ["speaker", "lib"],
  scripts: ["scripts"],
  test: ["test", "scripts", "lib", "controller", "speaker"],
};

/** What is shipped; the other parts may use any installed package. */
export const productParts: readonly string[] = ["lib", "controller", "speaker"];

interface Owner {
  readonly files: readonly string[];
  readonly reason: string;
}

const sockets: Owner = {
  files: ["speaker/net/**"],
  reason: "frames and echoes leave a node from one place, behind one fence",
};

const apiConnections: Owner = {
  files: ["lib/kube/{client,transport}.ts"],
  reason: "connections to the API server are made and closed in one place, and nothing else is spoken to over TLS",
};

/** Which shipped file may import a package or a module of Node. A package that is not listed may be imported by none. */
export const owners: Readonly<Record<string, Owner>> = {
  "@kubernetes/client-node": { files: ["lib/kube/client.ts"], reason: "its types and its errors stay behind KubeApi" },
  "ip-address": { files: ["lib/address/**"], reason: "an address is parsed once, at the border, into Ip" },
  koffi: sockets,
  "raw-socket": sockets,
  "node:net": sockets,
  "node:dgram": sockets,
  "node:tls": apiConnections,
  "node:http": {
    files: ["lib/runtime/**", ...apiConnections.files],
    reason: "programs speak to the API server, serve their health and ask for another's, no more",
  },
  "node:https": apiConnections,
  "node:child_process": { files: [], reason: "the image has no other program to run" },
  "node:worker_threads": {
    files: ["speaker/main.ts", "speaker/net/**"],
    reason: "one worker, the one with the sockets",
  },
  pino: { files: ["lib/runtime/**"], reason: "everybody else takes a Logger" },
  "prom-client": { files: ["lib/runtime/**"], reason: "metric names and labels stay in one register" },
  commander: { files: ["**/flags.ts", "**/main.ts"], reason: "flags are read once, at the start" },
};

/**
 * The thin shells: files that may read a clock, set a timer, touch a socket, the environment or a log. Every other
 * shipped file is pure, so that it can be simulated and replayed.
 */
export const shells: readonly string[] = [
  "*/{main,flags,metrics}.ts",
  "controller/shell/**",
  "speaker/shell/**",
  "lib/runtime/**",
  "lib/kube/{client,informer,loop,open-watch,transport}.ts",
  "lib/lease/*-loop.ts",
  "speaker/net/{libc,packet-socket,netlink,rtnetlink,poller,batch,groups,listening,redirects,wire,ping}.ts",
  "speaker/net/{frame-worker,frame-loop,frame-port}.ts",
];

/**
 * What a pure file may import besides pure files, by name where a file holds both kinds; types may come from anywhere, since
 * nothing of them runs.
 */
export const pureImports: Readonly<Record<string, readonly string[] | "all">> = {
  "lib/runtime/result.ts": "all",
  "lib/runtime/errors.ts": "all",
  "lib/runtime/random.ts": ["drawRandom", "randomSeed"],
  "ip-address": "all",
};

/** What a pure file may not touch; a name ending in a dot stands for all members. */
export const impure: Readonly<Record<string, string>> = {
  "Date.now": "take the time as `now`",
  "new Date()": "take the time as `now`",
  "Date()": "take the time as `now`",
  "performance.": "take the time as `now`",
  "Math.random": "take a Prng by parameter (lib/runtime/random.ts)",
  "crypto.": "take a Prng by parameter (lib/runtime/random.ts)",
  "setTimeout()": "return `wakeAt` and let the shell set the timer",
  "setInterval()": "return `wakeAt` and let the shell set the timer",
  "setImmediate()": "return an effect",
  "queueMicrotask()": "return an effect",
  "fetch()": "return an effect",
  "process.": "take what is needed of the process by parameter",
  "console.": "return an effect; the shell logs",
  "globalThis.": "take what is needed by parameter",
};

export const functionLinesMax = 70;
export const fileLinesMax = 300;

/** What the kubelet starts: a shipped file lives if one of these imports it; that a test does is not enough. */
export const programs: readonly string[] = ["controller/main.ts", "speaker/main.ts", "speaker/net/frame-worker.ts"];

/** What a person, make, npm, jest or a test starts: all other files live if one of these imports them. */
export const entryPoints: readonly string[] = [
  "scripts/*.{ts,mjs}",
  "*.config.mjs",
  "test/lab/cli.ts",
  "test/sim/cli.ts",
  "test/controller/sabotage/setup.ts",
  "test/jest-environment.ts",
  "test/lab/jest-{setup,teardown}.ts",
  "test/demo/demo.ts",
  "test/bench/bench.ts",
  "test/bench/responder/{api.ts,inside.mjs}",
  "test/bench/burst/{inside,load,ideal}.ts",
  "test/speaker/net/{agent,station,flooder,ping-once,uplink-agent}.ts",
  "**/fixtures/**",
  "test/**/*.{test,e2e}.ts",
];

/** Hosts of package registries, in pieces: this file is searched too. */
export const registryHosts: readonly string[] = [
  ["registry", "npmjs", "org"],
  ["registry", "yarnpkg", "com"],
  ["proxy", "golang", "org"],
  ["sum", "golang", "org"],
  ["deb", "debian", "org"],
  ["pypi", "org"],
].map((labels) => labels.join("."));

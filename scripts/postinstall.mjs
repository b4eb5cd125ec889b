// The last step of `npm ci`. Compiles raw-socket against the Node 26 that the npm package "node" brought, whatever Node
// started npm, and says at once and clearly when the install did not end with what everything else relies on.
//
// npm's own compile step of raw-socket is switched off ("allowScripts" in package.json): it would take its headers
// from the machine's configuration or from the network, and the setting that points it elsewhere is going away.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const root = join(import.meta.dirname, "..");
const nodeMajorMin = 26;

function fail(message) {
  console.error(`berth: ${message}`);
  process.exit(1);
}

/** Compiles the addon with the node-gyp that npm ships; npm tells its lifecycle scripts where that is. */
function compile(directory, nodeHome) {
  const gyp = process.env.npm_config_node_gyp;
  if (gyp === undefined) {
    fail("this script is a step of `npm ci`; run that, or `npm run postinstall`.");
  }
  const run = spawnSync(process.execPath, [gyp, "rebuild", "--loglevel=warn"], {
    cwd: directory,
    encoding: "utf8",
    maxBuffer: 16 * 1024 * 1024,
    // By the environment: node-gyp lets an npm_config_nodedir from the user's ~/.npmrc win over its own command line.
    env: { ...process.env, npm_config_nodedir: nodeHome },
  });
  if (run.status !== 0) {
    console.error(run.stdout, run.stderr);
    fail("raw-socket did not compile (above). It takes python3, make and g++: apt-get install python3 make g++");
  }
}

const major = Number(process.versions.node.split(".")[0]);
if (major < nodeMajorMin) {
  fail(
    `scripts run on Node ${process.versions.node}, but need ${nodeMajorMin} or newer; node_modules/.bin/node is missing. Remove node_modules, then run npm ci again (npm 11, with scripts allowed).`,
  );
}
const nodeHome = join(root, "node_modules/node/node_modules", `node-${process.platform}-${process.arch}`);
if (!existsSync(join(nodeHome, "include/node/node.h"))) {
  fail(`${nodeHome} has no headers; remove node_modules and run npm ci again.`);
}
const addon = join(root, "node_modules/raw-socket");
const require = createRequire(import.meta.url);
compile(addon, nodeHome);
require(addon);

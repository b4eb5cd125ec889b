// Runs at the end of `npm ci`: says at once, and clearly, when the install did not end with what everything else relies on.
import { createRequire } from "node:module";

const major = Number(process.versions.node.split(".")[0]);
if (major < 26) {
  console.error(
    `berth: scripts run on Node ${process.versions.node}, but need 26 or newer; is node_modules/.bin/node missing? Remove node_modules and run npm ci again.`,
  );
  process.exit(1);
}
createRequire(import.meta.url)("raw-socket");

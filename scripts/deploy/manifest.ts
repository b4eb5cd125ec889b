/** The plain manifest: the parts in deploy/parts and the CRDs, which have a place of their own, as one file. */
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dirname, "../..");
export const manifestPath = join(root, "deploy/berth.yaml");

const head = `# Berth: everything it takes to run, except an IPPool (examples/first-pool.yaml).
# Made by \`make manifest\` from crds/ and deploy/parts/; change those. The image is the one \`make image\` builds.
`;

/** The text of deploy/berth.yaml. The CRDs come second: namespace, CRDs, then whatever uses them. */
export function manifest(): string {
  const [namespace = "", ...others] = globSync("deploy/parts/*.yaml", { cwd: root }).sort();
  const crds = globSync("crds/*.yaml", { cwd: root }).sort();
  const parts = [namespace, ...crds, ...others].map((path) => {
    const text = readFileSync(join(root, path), "utf8").trim();
    return `---\n${text.replace(/^---\n/, "")}\n`;
  });
  return `${head}${parts.join("")}`;
}

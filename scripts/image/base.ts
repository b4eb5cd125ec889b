/** The part of the image that changes with Node and the machine's C library only: runtime, libraries, accounts. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { place, placeText } from "./files.ts";
import { nodeHome, root, userId } from "./names.ts";

/** Debian's packages of the libraries below; their licences go along where they are found. */
const libraryPackages = ["libc6", "libgcc-s1", "libstdc++6", "libatomic1", "gcc-12-base", "gcc-14-base"];

/**
 * Lays the base into the root tree.
 * @param addons native addons whose libraries must be there too
 */
export function layBase(addons: readonly string[]): void {
  const node = join(nodeHome, "bin/node");
  placeNode(node);
  for (const library of libraries([node, ...addons])) {
    place(library, library, "program");
  }
  placeText(`root:x:0:0:root:/:/sbin/nologin\nberth:x:${userId}:${userId}:berth:/:/sbin/nologin\n`, "etc/passwd");
  placeText(`root:x:0:\nberth:x:${userId}:\n`, "etc/group");
  // The C library looks names up as the cluster says (/etc/hosts and /etc/resolv.conf come from the kubelet).
  placeText("hosts: files dns\n", "etc/nsswitch.conf");
  place(join(nodeHome, "LICENSE"), "licenses/node", "data");
  place(join(root, "LICENSE"), "licenses/berth", "data");
  for (const name of libraryPackages) {
    const copyright = `/usr/share/doc/${name}/copyright`;
    if (existsSync(copyright)) {
      place(copyright, `licenses/${name}`, "data");
    }
  }
}

/** Without its symbol table Node is 33 MB smaller; what addons link to is in the dynamic one, which stays. */
function placeNode(node: string): void {
  const work = mkdtempSync(join(tmpdir(), "berth-image-"));
  const stripped = join(work, "node");
  try {
    execFileSync("strip", ["-o", stripped, node], { stdio: "ignore" });
  } catch {
    console.log("No strip on this machine (package binutils): the image carries Node's symbols.");
  }
  const useful = existsSync(stripped) && statSync(stripped).size < statSync(node).size;
  place(useful ? stripped : node, "usr/local/bin/node", "program");
  rmSync(work, { recursive: true });
}

/** The shared libraries of some programs, the loader included, as absolute paths in a fixed order. */
function libraries(programs: readonly string[]): string[] {
  const listed = programs.flatMap((program) => parseLdd(execFileSync("ldd", [program], { encoding: "utf8" })));
  return [...new Set(listed)].sort();
}

/** The paths in the output of ldd(1). A library that is missing here would be missing in the image: an error. */
export function parseLdd(output: string): string[] {
  const missing = /^\s*(\S+) => not found/m.exec(output);
  if (missing !== null) {
    throw new Error(`${missing[1]} is not on this machine; the image needs it`);
  }
  return [...output.matchAll(/(?:=> |^\s*)(\/\S+) \(0x/gm)].map(([, path = ""]) => path);
}

/** Writing into the root tree with modes of our own, so that neither the umask nor the source's mode reaches a digest. */
import { chmodSync, copyFileSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { rootTree } from "./names.ts";

type Mode = "program" | "data";
const modes: Record<Mode, number> = { program: 0o755, data: 0o644 };

/** Copies a file to a path inside the image; a symbolic link is followed. */
export function place(source: string, target: string, mode: Mode): void {
  const path = prepare(target);
  copyFileSync(source, path);
  chmodSync(path, modes[mode]);
}

/** Writes a text to a path inside the image. */
export function placeText(text: string, target: string): void {
  const path = prepare(target);
  writeFileSync(path, text);
  chmodSync(path, modes.data);
}

/** Gives every directory of the tree the same mode. */
export function settleDirectories(directory = rootTree): void {
  chmodSync(directory, 0o755);
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    if (entry.isDirectory()) {
      settleDirectories(join(directory, entry.name));
    }
  }
}

function prepare(target: string): string {
  const path = join(rootTree, target);
  mkdirSync(dirname(path), { recursive: true });
  return path;
}

/** `make image`: the root tree of the image, then its archive. No Docker daemon, no registry, no network. */
import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { join, relative } from "node:path";
import { addons, layApp, tryPrograms } from "./image/app.ts";
import { writeArchive } from "./image/archive.ts";
import { layBase } from "./image/base.ts";
import { settleDirectories } from "./image/files.ts";
import { archivePath, imageName, root, rootTree } from "./image/names.ts";

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;

const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string };
rmSync(rootTree, { recursive: true, force: true });
mkdirSync(rootTree, { recursive: true });
layBase(addons().map((path) => join(root, path)));
await layApp();
settleDirectories();
tryPrograms();
const written = writeArchive(version);
console.log(`${imageName} ${written.digest}`);
console.log(
  `${relative(root, archivePath)}: ${megabytes(written.sizePacked)} packed, ${megabytes(written.sizeUnpacked)} on a node`,
);

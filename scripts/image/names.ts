/** Names that the image, the manifest and the tests share. */
import { join } from "node:path";

export const root = join(import.meta.dirname, "../..");

/**
 * The name of an image built here. "localhost" is what podman and buildah give to local images, and no kubelet that
 * lacks the image could ever pull it from somebody else by this name.
 */
export const imageName = "localhost/berth:dev";

/** No account of any node: the usual number for a process that owns nothing. */
export const userId = 65532;

export const imageDirectory = join(root, "build/image");
/** The root file system, which the Dockerfile copies too. */
export const rootTree = join(imageDirectory, "root");
export const archivePath = join(imageDirectory, "berth.tar");
/** Where the programs lie inside the image. */
export const appDirectory = "app";

/**
 * What every process of the image gets. The C library keeps memory that was freed for each thread, and more of it the larger the
 * pieces were that came and went; these two make it give back what a burst or a large list took (docs/memory.md).
 */
export const imageEnvironment: Readonly<Record<string, string>> = {
  PATH: "/usr/local/bin",
  NODE_ENV: "production",
  MALLOC_ARENA_MAX: "1",
  MALLOC_MMAP_THRESHOLD_: "131072",
};

/** The Node that the image carries: the one the npm package "node" brought for this machine's processor. */
export const nodeHome = join(root, "node_modules/node/node_modules", `node-linux-${process.arch}`);

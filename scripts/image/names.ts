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

/** The Node that the image carries: the one the npm package "node" brought for this machine's processor. */
export const nodeHome = join(root, "node_modules/node/node_modules", `node-linux-${process.arch}`);

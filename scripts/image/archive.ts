/**
 * The image as an archive: an OCI image layout (image-spec v1.1, image-layout.md) that also carries the manifest.json
 * of `docker save`, so that containerd, podman, skopeo and docker all read it. Equal trees give equal bytes.
 */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { appDirectory, archivePath, imageDirectory, imageEnvironment, imageName, rootTree, userId } from "./names.ts";

interface Blob {
  readonly digest: string;
  readonly size: number;
}

interface Layer extends Blob {
  /** Digest of the uncompressed tar, which the configuration names. */
  readonly diffId: string;
  readonly sizeUnpacked: number;
}

export interface Written {
  readonly digest: string;
  readonly sizePacked: number;
  readonly sizeUnpacked: number;
}

const layout = join(imageDirectory, "oci");
const blobs = join(layout, "blobs/sha256");
/** Packed base layers of earlier runs, by digest: packing takes five seconds and the base rarely changes. */
const cache = join(imageDirectory, "cache");

const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

/** Writes build/image/berth.tar from the root tree. */
export function writeArchive(version: string): Written {
  rmSync(layout, { recursive: true, force: true });
  mkdirSync(blobs, { recursive: true });
  mkdirSync(cache, { recursive: true });
  const base = readdirSync(rootTree).filter((entry) => entry !== appDirectory);
  const layers = [writeLayer(base.sort()), writeLayer([appDirectory])];
  const config = writeBlob(json(configuration(layers, version)));
  const manifest = writeBlob(json(imageManifest(config, layers)));
  const file = (name: string, value: object): void => writeFileSync(join(layout, name), json(value));
  file("oci-layout", { imageLayoutVersion: "1.0.0" });
  file("index.json", index(manifest));
  file("manifest.json", [
    {
      Config: `blobs/sha256/${config.digest}`,
      RepoTags: [imageName],
      Layers: layers.map(({ digest }) => `blobs/sha256/${digest}`),
    },
  ]);
  writeFileSync(archivePath, tar(layout, readdirSync(layout).sort()));
  return {
    digest: `sha256:${manifest.digest}`,
    sizePacked: statSync(archivePath).size,
    sizeUnpacked: layers.reduce((sum, layer) => sum + layer.sizeUnpacked, 0),
  };
}

/** GNU tar with everything fixed that would differ between two runs: order, owners, times. */
function tar(directory: string, entries: readonly string[]): Buffer {
  const fixed = ["--format=ustar", "--sort=name", "--mtime=@0", "--owner=0", "--group=0", "--numeric-owner"];
  const args = ["--create", ...fixed, "--directory", directory, ...entries];
  return execFileSync("tar", args, { maxBuffer: 1024 ** 3 });
}

function writeLayer(entries: readonly string[]): Layer {
  const unpacked = tar(rootTree, entries);
  const diffId = sha256(unpacked);
  const kept = join(cache, `${diffId}.tar.gz`);
  if (!existsSync(kept)) {
    writeFileSync(kept, gzipSync(unpacked, { level: 6 }));
  }
  return { ...writeBlob(readFileSync(kept)), diffId, sizeUnpacked: unpacked.length };
}

function writeBlob(bytes: Buffer): Blob {
  const digest = sha256(bytes);
  writeFileSync(join(blobs, digest), bytes);
  return { digest, size: bytes.length };
}

function configuration(layers: readonly Layer[], version: string): object {
  return {
    architecture: process.arch === "x64" ? "amd64" : process.arch,
    os: "linux",
    created: "1970-01-01T00:00:00Z",
    config: {
      User: `${userId}:${userId}`,
      Env: Object.entries(imageEnvironment).map(([name, value]) => `${name}=${value}`),
      Entrypoint: ["/usr/local/bin/node"],
      WorkingDir: "/",
      Labels: {
        "org.opencontainers.image.title": "berth",
        "org.opencontainers.image.version": version,
        "org.opencontainers.image.licenses": "Apache-2.0",
      },
    },
    rootfs: { type: "layers", diff_ids: layers.map(({ diffId }) => `sha256:${diffId}`) },
    history: ["Node and its libraries", "Berth"].map((comment) => ({ created: "1970-01-01T00:00:00Z", comment })),
  };
}

function imageManifest(config: Blob, layers: readonly Layer[]): object {
  const descriptor = (type: string, blob: Blob): object => ({
    mediaType: `application/vnd.oci.image.${type}`,
    digest: `sha256:${blob.digest}`,
    size: blob.size,
  });
  return {
    schemaVersion: 2,
    mediaType: "application/vnd.oci.image.manifest.v1+json",
    config: descriptor("config.v1+json", config),
    layers: layers.map((layer) => descriptor("layer.v1.tar+gzip", layer)),
  };
}

function index(manifest: Blob): object {
  return {
    schemaVersion: 2,
    mediaType: "application/vnd.oci.image.index.v1+json",
    manifests: [
      {
        mediaType: "application/vnd.oci.image.manifest.v1+json",
        digest: `sha256:${manifest.digest}`,
        size: manifest.size,
        annotations: { "io.containerd.image.name": imageName, "org.opencontainers.image.ref.name": imageName },
      },
    ],
  };
}

function json(value: object): Buffer {
  return Buffer.from(`${JSON.stringify(value, null, 2)}\n`);
}

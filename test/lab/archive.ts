import { createHash } from "node:crypto";

export interface ArchiveFile {
  readonly path: string;
  readonly content: Uint8Array;
  /** Permission bits; default 0o644. */
  readonly mode?: number;
}

const blockBytes = 512;

function octal(value: number, width: number): string {
  return `${value.toString(8).padStart(width - 1, "0")}\0`;
}

/** One header of the POSIX ustar format (POSIX.1-2017, pax, "ustar Interchange Format"), with fixed owner and time. */
function header(file: ArchiveFile): Buffer {
  if (Buffer.byteLength(file.path) > 99) throw new RangeError(`path too long for this archive: ${file.path}`);
  const block = Buffer.alloc(blockBytes);
  block.write(file.path, 0);
  block.write(octal(file.mode ?? 0o644, 8), 100);
  block.write(octal(0, 8), 108);
  block.write(octal(0, 8), 116);
  block.write(octal(file.content.length, 12), 124);
  block.write(octal(0, 12), 136);
  // The checksum counts its own field as spaces.
  block.write("        ", 148);
  block.write("0", 156);
  block.write("ustar\x0000", 257);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return block;
}

/** A tar archive of regular files; the same files give the same bytes. */
export function tar(files: readonly ArchiveFile[]): Buffer {
  const parts = files.flatMap((file) => {
    const padding = (blockBytes - (file.content.length % blockBytes)) % blockBytes;
    return [header(file), Buffer.from(file.content), Buffer.alloc(padding)];
  });
  return Buffer.concat([...parts, Buffer.alloc(2 * blockBytes)]);
}

export interface ArchivedImage {
  readonly name: string;
  readonly entrypoint: readonly string[];
  readonly user?: string;
}

/**
 * A docker-archive (the format of `docker save`: manifest.json, one config per image, layers) of images that share one
 * layer. `ctr image import` takes it.
 */
export function dockerArchive(layerFiles: readonly ArchiveFile[], images: readonly ArchivedImage[]): Buffer {
  const layer = tar(layerFiles);
  const digest = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
  const layerPath = `${digest(layer)}.tar`;
  const configs = images.map((image) => {
    const config = {
      architecture: process.arch === "arm64" ? "arm64" : "amd64",
      os: "linux",
      config: { Entrypoint: image.entrypoint, ...(image.user === undefined ? {} : { User: image.user }) },
      rootfs: { type: "layers", diff_ids: [`sha256:${digest(layer)}`] },
    };
    const content = Buffer.from(JSON.stringify(config));
    return { path: `${digest(content)}.json`, content, name: image.name };
  });
  const manifest = configs.map(({ path, name }) => ({ Config: path, RepoTags: [name], Layers: [layerPath] }));
  return tar([
    ...configs,
    { path: layerPath, content: layer },
    { path: "manifest.json", content: Buffer.from(JSON.stringify(manifest)) },
  ]);
}

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { packagesIn } from "../../scripts/image/app.ts";
import { parseLdd } from "../../scripts/image/base.ts";
import { imageEnvironment, root } from "../../scripts/image/names.ts";

describe("parseLdd", () => {
  // ldd of Debian 12 (glibc 2.36), of Node 26.
  const output = `	linux-vdso.so.1 (0x00007fbae7b9c000)
	libatomic.so.1 => /lib/x86_64-linux-gnu/libatomic.so.1 (0x00007fbae7b81000)
	libc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007fbae761e000)
	/lib64/ld-linux-x86-64.so.2 (0x00007fbae7b9e000)
`;

  test("gives the libraries and the loader, not what the kernel brings", () => {
    expect(parseLdd(output)).toEqual([
      "/lib/x86_64-linux-gnu/libatomic.so.1",
      "/lib/x86_64-linux-gnu/libc.so.6",
      "/lib64/ld-linux-x86-64.so.2",
    ]);
  });

  test("refuses what the image would lack", () => {
    expect(() => parseLdd(`${output}\tlibfoo.so.2 => not found\n`)).toThrow("libfoo.so.2 is not on this machine");
  });

  test("a program without libraries has none", () => {
    expect(parseLdd("\tstatically linked\n")).toEqual([]);
  });
});

test("packagesIn names each package once, the innermost of nested ones", () => {
  const inputs = [
    "lib/kube/client.ts",
    "node_modules/pino/pino.js",
    "node_modules/pino/lib/tools.js",
    "node_modules/@kubernetes/client-node/dist/index.js",
    "node_modules/a/node_modules/b/index.js",
  ];
  expect(packagesIn(inputs)).toEqual(["@kubernetes/client-node", "b", "pino"]);
});

test("the Dockerfile gives the environment that the archive gives", () => {
  const dockerfile = readFileSync(join(root, "Dockerfile"), "utf8");
  const given = /^ENV (.*)$/m
    .exec(dockerfile)?.[1]
    ?.split(" ")
    .map((one) => one.split("=", 2));
  expect(Object.fromEntries(given ?? [])).toEqual(imageEnvironment);
});

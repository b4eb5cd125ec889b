// Run by hand after package-lock.json changed: `npm run lock`.
//
// `npm ci` refuses a lock that lacks an optional package of another platform, even though it would never install it.
// A registry mirror that carries only part of those packages makes npm write such a lock. This adds the missing entries,
// with the exact version their parent asks for and the platform their name states, so that npm knows them and skips them.
import { readFileSync, writeFileSync } from "node:fs";

const platforms = [
  "aix",
  "android",
  "darwin",
  "freebsd",
  "linux",
  "netbsd",
  "openbsd",
  "openharmony",
  "sunos",
  "win32",
];
const processors = ["arm64", "arm", "ia32", "loong64", "mips64el", "ppc64", "riscv64", "s390x", "wasm32", "x64"];

/** The platform fields of a package whose name ends like "linux-arm64-musl". */
function platformOf(name) {
  const words = name.split(/[/-]/);
  const os = platforms.find((platform) => words.includes(platform));
  const cpu = processors.find((processor) => words.includes(processor));
  if (os === undefined || cpu === undefined) {
    throw new Error(`${name}: no platform in its name; add its entry to package-lock.json by hand`);
  }
  const last = words.at(-1);
  const libc = last.startsWith("musl") ? ["musl"] : last.startsWith("gnu") ? ["glibc"] : undefined;
  return { cpu: [cpu], ...(libc && { libc }), os: [os] };
}

const lock = JSON.parse(readFileSync("package-lock.json", "utf8"));
const packages = lock.packages;
const added = [];
for (const [path, entry] of Object.entries(packages)) {
  for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
    const known = packages[`node_modules/${name}`] ?? packages[`${path}/node_modules/${name}`];
    if (known !== undefined || !/^\d/.test(version)) {
      continue;
    }
    packages[`node_modules/${name}`] = {
      version,
      ...(entry.dev && { dev: true }),
      optional: true,
      ...platformOf(name),
    };
    added.push(name);
  }
}
lock.packages = Object.fromEntries(Object.entries(packages).sort(([a], [b]) => (a < b ? -1 : 1)));
writeFileSync("package-lock.json", `${JSON.stringify(lock, null, 2)}\n`);
console.log(added.length === 0 ? "package-lock.json is complete." : `Added ${added.length}: ${added.join(", ")}`);

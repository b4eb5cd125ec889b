import { readFileSync } from "node:fs";

const CONF = "/proc/sys/net/ipv4/conf";

/** By interface the larger one of `all` and its own, as the kernel takes it (Linux, ip-sysctl). What cannot be read is left out. */
export function readArpIgnore(
  interfaces: readonly string[],
  read: (path: string) => string = (path) => readFileSync(path, "utf8"),
): ReadonlyMap<string, number> {
  const settingOf = (name: string): number => {
    try {
      return Number(read(`${CONF}/${name}/arp_ignore`));
    } catch {
      // The interface went away between the kernel's message and this.
      return Number.NaN;
    }
  };
  const all = settingOf("all");
  const values = interfaces.map((name): [string, number] => [name, Math.max(all, settingOf(name))]);
  return new Map(values.filter(([, value]) => !Number.isNaN(value)));
}

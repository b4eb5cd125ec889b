import { fail, ok, type Result } from "../../lib/runtime/result.ts";

/**
 * How this machine mounts its cgroups. Machines with version 1 (with or without version 2 beside it) were run; a machine
 * with version 2 only was NOT: that choice is tested over mountinfo texts alone.
 */
export interface CgroupLayout {
  readonly version: 1 | 2;
  /** The hierarchy in which the lab notes its own processes: who is in the lab's group there is the lab's, for certain. */
  readonly recordRoot: string;
  /** Every hierarchy in which the container runtime may leave groups behind. */
  readonly roots: readonly string[];
}

/** The lab's group, below the root of each hierarchy. */
export const labGroup = "berth-lab";
/** Where the lab's programs are; a leaf, because version 2 allows no process in a group that has controlled children. */
export const programsGroup = `${labGroup}/programs`;

interface Mount {
  readonly path: string;
  readonly type: string;
  readonly options: readonly string[];
}

/** Fields of /proc/PID/mountinfo: proc_pid_mountinfo(5). Octal escapes in paths are undone. */
function parseMounts(mountinfo: string): Mount[] {
  return mountinfo.split("\n").flatMap((line) => {
    const [before, after] = line.split(" - ");
    const path = before?.split(" ")[4];
    const [type, , options] = after?.split(" ") ?? [];
    if (path === undefined || type === undefined) return [];
    return [{ path: unescapePath(path), type, options: options?.split(",") ?? [] }];
  });
}

function unescapePath(path: string): string {
  return path.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}

/** Chooses the layout from the text of /proc/self/mountinfo; pure. */
export function chooseCgroups(mountinfo: string): Result<CgroupLayout> {
  const mounts = parseMounts(mountinfo);
  const unified = mounts.find((mount) => mount.type === "cgroup2");
  const legacy = mounts.filter((mount) => mount.type === "cgroup");
  const pids = legacy.find((mount) => mount.options.includes("pids"));
  // Beside version 1 the unified hierarchy has no controllers: the kubelet and runc then work in version 1.
  if (legacy.some((mount) => mount.options.includes("memory"))) {
    if (pids === undefined)
      return fail("cgroup version 1 is mounted without its pids controller, which the kubelet needs");
    const roots = [...legacy.map((mount) => mount.path), ...(unified === undefined ? [] : [unified.path])];
    return ok({ version: 1, recordRoot: pids.path, roots });
  }
  if (unified === undefined) return fail("no cgroup file system is mounted");
  return ok({ version: 2, recordRoot: unified.path, roots: [unified.path] });
}

/** Mount points below one of `parents`, deepest first, as they must be unmounted; from the text of mountinfo; pure. */
export function mountsBelow(mountinfo: string, parents: readonly string[]): string[] {
  return parseMounts(mountinfo)
    .map((mount) => mount.path)
    .filter((path) => parents.some((parent) => path.startsWith(`${parent}/`)))
    .reverse();
}

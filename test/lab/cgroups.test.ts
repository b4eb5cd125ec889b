import { describe, expect, test } from "@jest/globals";
import { chooseCgroups, mountsBelow } from "./cgroups.ts";

/** As this project's build machines have it: version 1 hierarchies with version 2 (no controllers) beside them. */
const hybrid = `
31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu
35 31 0:32 / /sys/fs/cgroup/memory rw,relatime shared:9 - cgroup cgroup rw,memory
39 31 0:36 / /sys/fs/cgroup/pids rw,relatime - cgroup cgroup rw,pids
40 31 0:37 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,name=systemd
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
`;

/** As a distribution with systemd mounts it today. */
const unifiedOnly = `
24 1 259:2 / / rw,relatime shared:1 - ext4 /dev/nvme0n1p2 rw
34 25 0:29 / /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime shared:9 - cgroup2 cgroup2 rw,nsdelegate,memory_recursiveprot
`;

/** Version 2 works with a leftover named hierarchy of version 1 that has no controllers. */
const unifiedWithNamed = `${unifiedOnly}
50 25 0:40 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd
`;

const legacyOnly = `
32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct
35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
39 31 0:36 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids
`;

const oddPath = `
34 25 0:29 / /mnt/c\\040group rw - cgroup2 cgroup2 rw
`;

describe("the choice of cgroups", () => {
  test.each([
    {
      name: "version 1 with version 2 beside it",
      mountinfo: hybrid,
      layout: {
        version: 1,
        recordRoot: "/sys/fs/cgroup/pids",
        roots: ["cpu", "memory", "pids", "systemd", "unified"].map((name) => `/sys/fs/cgroup/${name}`),
      },
    },
    {
      name: "version 2 only",
      mountinfo: unifiedOnly,
      layout: { version: 2, recordRoot: "/sys/fs/cgroup", roots: ["/sys/fs/cgroup"] },
    },
    {
      name: "version 2 with a named hierarchy",
      mountinfo: unifiedWithNamed,
      layout: { version: 2, recordRoot: "/sys/fs/cgroup", roots: ["/sys/fs/cgroup"] },
    },
    {
      name: "version 1 only",
      mountinfo: legacyOnly,
      layout: {
        version: 1,
        recordRoot: "/sys/fs/cgroup/pids",
        roots: ["/sys/fs/cgroup/cpu,cpuacct", "/sys/fs/cgroup/memory", "/sys/fs/cgroup/pids"],
      },
    },
    {
      name: "a mount point with a space",
      mountinfo: oddPath,
      layout: { version: 2, recordRoot: "/mnt/c group", roots: ["/mnt/c group"] },
    },
  ])("$name", ({ mountinfo, layout }) => {
    expect(chooseCgroups(mountinfo)).toEqual({ ok: true, value: layout });
  });

  test.each([
    { name: "no cgroups", mountinfo: "24 1 259:2 / / rw - ext4 /dev/sda rw", reason: /no cgroup file system/ },
    { name: "nothing", mountinfo: "", reason: /no cgroup file system/ },
    { name: "version 1 without pids", mountinfo: hybrid.replace("rw,pids", "rw,rdma"), reason: /pids controller/ },
  ])("refuses: $name", ({ mountinfo, reason }) => {
    expect(chooseCgroups(mountinfo)).toEqual({ ok: false, reason: expect.stringMatching(reason) });
  });
});

describe("mounts of the lab", () => {
  const mountinfo = `
24 1 259:2 / / rw - ext4 /dev/sda rw
60 24 0:50 / /run/berth-lab/n1/rootfs rw shared:5 - overlay overlay rw
61 60 0:51 / /run/berth-lab/n1/rootfs/dev\\040shm rw - tmpfs shm rw
62 24 0:52 / /run/berth-lab-other rw - tmpfs tmpfs rw
63 24 0:53 / /var/lib/berth-lab/n2/kubelet/pods/a rw - tmpfs tmpfs rw
`;

  test("are those below its directories, deepest first, and no neighbour of them", () => {
    expect(mountsBelow(mountinfo, ["/run/berth-lab", "/var/lib/berth-lab"])).toEqual([
      "/var/lib/berth-lab/n2/kubelet/pods/a",
      "/run/berth-lab/n1/rootfs/dev shm",
      "/run/berth-lab/n1/rootfs",
    ]);
  });
});

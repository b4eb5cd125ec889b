/**
 * What the API server itself must take and refuse, with the words a user reads. Plain data: the runner applies each
 * object (`kubectl create --dry-run=server -f -` is enough where there are no steps) and compares.
 */
import type { Json } from "../../lib/kube/api.ts";

export interface CrdCase {
  readonly name: string;
  readonly object: { readonly [key: string]: Json };
  /** undefined: accepted. Otherwise every text must occur in the refusal. */
  readonly refusal: readonly string[] | undefined;
}

/** A merge patch after the creation; on the subresource status unless it says otherwise. */
export interface CrdStep {
  readonly patch: { readonly [key: string]: Json };
  readonly subresource: "" | "status";
  readonly refusal: readonly string[] | undefined;
}

export interface CrdStory {
  readonly name: string;
  readonly object: { readonly [key: string]: Json };
  readonly steps: readonly CrdStep[];
}

function pool(spec: { readonly [key: string]: Json }): CrdCase["object"] {
  return { apiVersion: "berth.dev/v1alpha1", kind: "IPPool", metadata: { name: "case" }, spec };
}

function vip(name: string, address: string, spec: { readonly [key: string]: Json } = {}): CrdCase["object"] {
  return {
    apiVersion: "berth.dev/v1alpha1",
    kind: "VirtualIP",
    metadata: { name },
    spec: { address, pool: "case", services: [], ...spec },
  };
}

const refusedRanges: readonly (readonly [string, readonly string[]])[] = [
  ["10.0.0.5", ["neither a CIDR", "for one address write 10.0.0.5/32"]],
  ["fd99::5", ["neither a CIDR", "for one address write fd99::5/128"]],
  ["10.0.0.0/33", ["'10.0.0.0/33' is neither a CIDR"]],
  ["10.0.0.256-10.0.0.300", ["neither a CIDR"]],
  ["10.0.0.1-10.0.0.2-10.0.0.3", ["neither a CIDR"]],
  ["10.0.0.1-", ["neither a CIDR"]],
  ["lan", ["'lan' is neither a CIDR such as 10.0.0.16/28 nor a range"]],
  ["", ["neither a CIDR"]],
  ["10.0.0.200/24", ["'10.0.0.200/24' has host bits set", "/32 after it for one address"]],
  ["fd99::1/64", ["'fd99::1/64' has host bits set", "/128 after it for one address"]],
  ["10.0.0.20-10.0.0.10", ["ends before it begins: swap the two addresses"]],
  ["10.0.1.0-10.0.0.255", ["ends before it begins"]],
  ["10.0.0.1-fd99::1", ["mixes IPv4 and IPv6"]],
  ["::ffff:10.0.0.0/120", ["write IPv4 addresses in dotted form"]],
  ["fe80::1%eth0-fe80::2%eth0", ["without a zone"]],
];

const unusableRanges = [
  "169.254.1.0/24",
  "fe80::/64",
  "224.0.0.0/24",
  "ff02::/64",
  "127.0.0.1-127.0.0.9",
  "0.0.0.0/0",
  "::/0",
];

export const poolCases: readonly CrdCase[] = [
  { name: "the smallest pool", object: pool({ addresses: ["10.99.0.200-10.99.0.220"] }), refusal: undefined },
  {
    name: "every field",
    object: pool({
      addresses: ["10.0.0.0/24", "10.0.2.1 - 10.0.2.9", "fd99::/64", "fd98::200-fd98::220"],
      excluded: ["10.0.0.1/32", "fd99::1-fd99::f"],
      autoAssign: false,
      avoidBuggyIPs: true,
      priority: 10,
      namespaces: ["shop"],
      namespaceSelector: { matchLabels: { team: "shop" } },
      serviceSelector: { matchExpressions: [{ key: "expose", operator: "In", values: ["public"] }] },
      quota: 5,
      sharing: "AcrossNamespaces",
      l2: {
        interfaces: ["eth0", "en*"],
        nodeSelector: { matchLabels: { rack: "a" }, matchExpressions: [{ key: "edge", operator: "Exists" }] },
        preferred: [
          { weight: 100, selector: { matchLabels: { edge: "yes" } } },
          { weight: 1, selector: { matchExpressions: [{ key: "rack", operator: "In", values: ["a", "b"] }] } },
        ],
      },
    }),
    refusal: undefined,
  },
  ...refusedRanges.map(([text, refusal]) => ({
    name: `addresses: ${JSON.stringify(text)}`,
    object: pool({ addresses: ["10.1.0.0/24", text] }),
    refusal: ["spec.addresses[1]", ...refusal],
  })),
  ...refusedRanges.map(([text, refusal]) => ({
    name: `excluded: ${JSON.stringify(text)}`,
    object: pool({ addresses: ["10.1.0.0/24"], excluded: [text] }),
    refusal: ["spec.excluded[0]", ...refusal],
  })),
  ...unusableRanges.map((text) => ({
    name: `unusable: ${text}`,
    object: pool({ addresses: [text] }),
    refusal: ["spec.addresses[0]", `'${text}' holds link-local, multicast, loopback or unspecified addresses`],
  })),
  {
    name: "an IPv6 range in the wrong order is left to the condition Ready",
    object: pool({ addresses: ["fd99::20-fd99::10"] }),
    refusal: undefined,
  },
  {
    name: "a priority of nothing",
    object: pool({ addresses: ["10.1.0.0/24"], priority: 0 }),
    refusal: ["spec.priority"],
  },
  {
    name: "another kind of sharing",
    object: pool({ addresses: ["10.1.0.0/24"], sharing: "Everywhere" }),
    refusal: ["spec.sharing"],
  },
  {
    name: "a selector without values",
    object: pool({
      addresses: ["10.1.0.0/24"],
      serviceSelector: { matchExpressions: [{ key: "expose", operator: "In" }] },
    }),
    refusal: ["spec.serviceSelector.matchExpressions[0]", "In and NotIn need values"],
  },
  { name: "no addresses", object: pool({ addresses: [] }), refusal: ["spec.addresses"] },
  { name: "addresses left out", object: pool({}), refusal: ["spec.addresses", "Required"] },
  {
    name: "an interface that is none",
    object: pool({ addresses: ["10.1.0.0/24"], l2: { interfaces: ["/dev/eth0"] } }),
    refusal: ["spec.l2.interfaces[0]", "'/dev/eth0' is not an interface name or glob"],
  },
  {
    name: "an operator without its values",
    object: pool({
      addresses: ["10.1.0.0/24"],
      l2: { nodeSelector: { matchExpressions: [{ key: "rack", operator: "In" }] } },
    }),
    refusal: ["spec.l2.nodeSelector.matchExpressions[0]", "In and NotIn need values"],
  },
  {
    name: "a preference for every node",
    object: pool({ addresses: ["10.1.0.0/24"], l2: { preferred: [{ weight: 1, selector: {} }] } }),
    refusal: ["spec.l2.preferred[0].selector", "prefers every node to every other"],
  },
  {
    name: "a preference for whom",
    object: pool({ addresses: ["10.1.0.0/24"], l2: { preferred: [{ weight: 1 }] } }),
    refusal: ["spec.l2.preferred[0].selector", "Required"],
  },
  ...[0, 101].map((weight) => ({
    name: `a preference of weight ${weight}`,
    object: pool({
      addresses: ["10.1.0.0/24"],
      l2: { preferred: [{ weight, selector: { matchLabels: { edge: "yes" } } }] },
    }),
    refusal: ["spec.l2.preferred[0].weight", weight === 0 ? "greater than or equal to 1" : "less than or equal to 100"],
  })),
];

export const virtualIpCases: readonly CrdCase[] = [
  { name: "IPv4", object: vip("10.99.0.200", "10.99.0.200"), refusal: undefined },
  {
    name: "IPv6",
    object: vip("fd99-0000-0000-0000-0000-0000-0000-00c8", "fd99::c8"),
    refusal: undefined,
  },
  {
    name: "another name",
    object: vip("10.99.0.201", "10.99.0.200"),
    refusal: ["is not that of the address 10.99.0.200"],
  },
  {
    name: "the short IPv6 name, which would be a second name for one address",
    object: vip("fd99--c8", "fd99::c8"),
    refusal: ["the name 'fd99--c8' is not that of the address fd99::c8"],
  },
  {
    name: "a name that is not fully written out",
    object: vip("fd99-0-0-0-0-0-0-c8", "fd99::c8"),
    refusal: ["fully written out"],
  },
  {
    name: "the name of another IPv6 address",
    object: vip("fd99-0000-0000-0000-0000-0000-0000-00c9", "fd99::c8"),
    refusal: ["is not that of the address fd99::c8"],
  },
  {
    name: "not canonical: upper case",
    object: vip("fd99-0000-0000-0000-0000-0000-0000-00c8", "FD99::C8"),
    refusal: ["spec.address", "'FD99::C8' is not canonical"],
  },
  {
    name: "not canonical: zeroes",
    object: vip("fd99-0000-0000-0000-0000-0000-0000-00c8", "fd99:0::c8"),
    refusal: ["'fd99:0::c8' is not canonical"],
  },
  { name: "v4-mapped", object: vip("x", "::ffff:10.0.0.1"), refusal: ["write an IPv4 address in dotted form"] },
  { name: "link-local", object: vip("169.254.1.1", "169.254.1.1"), refusal: ["cannot belong to a Service"] },
  {
    name: "link-local IPv6",
    object: vip("fe80-0000-0000-0000-0000-0000-0000-0001", "fe80::1"),
    refusal: ["cannot belong to a Service"],
  },
  { name: "multicast", object: vip("224.0.0.9", "224.0.0.9"), refusal: ["cannot belong to a Service"] },
  { name: "a zone", object: vip("x", "fe80::1%eth0"), refusal: ["write it without a zone"] },
  { name: "no address", object: vip("lan", "lan"), refusal: ["'lan' is not an IP address"] },
];

const since = "2026-11-01T10:00:00Z";
const epochRefusal = ["status.holder changes only with a higher epoch"];
const inUseRefusal = ["inUseBefore is never added or changed later"];
const removalRefusal = ["status.holder is never removed"];

/** The nodes named in the stories are none of the lab: its speakers act on records that name them. */
function holder(node: string, epoch: number): CrdStep["patch"] {
  return {
    status: { holder: { node, epoch, since, instance: `${node}-1`, interface: "eth0", mac: "02:00:00:00:00:01" } },
  };
}

function onStatus(patch: CrdStep["patch"], refusal?: readonly string[]): CrdStep {
  return { patch, subresource: "status", refusal };
}

export const stories: readonly CrdStory[] = [
  {
    name: "the API server keeps one holder per epoch",
    object: vip("10.99.0.201", "10.99.0.201"),
    steps: [
      onStatus(holder("elsewhere-1", 1)),
      onStatus(holder("elsewhere-2", 1), epochRefusal),
      onStatus(holder("elsewhere-2", 2)),
      onStatus(holder("elsewhere-1", 1), epochRefusal),
      onStatus({ status: { holder: { instance: "n2-2" } } }),
      onStatus({ status: { holder: { epoch: 1 } } }, epochRefusal),
      onStatus({ status: { holder: null } }, removalRefusal),
      onStatus({ status: null }, removalRefusal),
      onStatus(holder("", 2), epochRefusal),
      onStatus(holder("", 3)),
      onStatus(holder("elsewhere-3", 4)),
    ],
  },
  {
    name: "the address of a VirtualIP never changes",
    object: vip("10.99.0.202", "10.99.0.202"),
    steps: [
      { patch: { spec: { address: "10.99.0.203" } }, subresource: "", refusal: ["never changes (was 10.99.0.202)"] },
      { patch: { spec: { pool: "other" } }, subresource: "", refusal: undefined },
      // status is not writable here, so this changes nothing and is no way around the rule.
      { patch: { status: null }, subresource: "", refusal: undefined },
    ],
  },
  {
    name: "how a VirtualIP came to be never changes",
    object: vip("10.99.0.204", "10.99.0.204"),
    steps: [
      { patch: { spec: { inUseBefore: true } }, subresource: "", refusal: inUseRefusal },
      { patch: { spec: { inUseBefore: false } }, subresource: "", refusal: inUseRefusal },
      { patch: { spec: { pool: "other" } }, subresource: "", refusal: undefined },
    ],
  },
  {
    name: "what a VirtualIP says of how it came to be can go, since a controller may not know it, and never comes back",
    object: vip("10.99.0.205", "10.99.0.205", { inUseBefore: true }),
    steps: [
      { patch: { spec: { inUseBefore: false } }, subresource: "", refusal: inUseRefusal },
      { patch: { spec: { pool: "other" } }, subresource: "", refusal: undefined },
      { patch: { spec: { inUseBefore: null } }, subresource: "", refusal: undefined },
      { patch: { spec: { inUseBefore: true } }, subresource: "", refusal: inUseRefusal },
    ],
  },
];

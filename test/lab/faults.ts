import { assertNever } from "../../lib/runtime/errors.ts";

/**
 * One rule of the switch: which frames it loses. `from` and `to` are names of stations; a frame is lost when it came in
 * at one of `from` and would go out at one of `to` (nothing given: any).
 */
export interface Fault {
  /** Names the rule, to take it away again. Several rules may share one label. */
  readonly label: string;
  readonly from?: readonly string[];
  readonly to?: readonly string[];
  /** What frames are meant, as nftables says it in the bridge family: "arp operation request", "ether type ip6"… */
  readonly match?: string;
  /** How many of them are lost, 1 to 100; default 100. */
  readonly percent?: number;
}

const table = "table bridge berth_faults";

function portSet(names: readonly string[]): string {
  return `{ ${names.map((name) => `"v-${name}"`).join(", ")} }`;
}

function ruleOf(fault: Fault): string {
  const { percent = 100 } = fault;
  return [
    ...(fault.from === undefined ? [] : [`iifname ${portSet(fault.from)}`]),
    ...(fault.to === undefined ? [] : [`oifname ${portSet(fault.to)}`]),
    ...(fault.match === undefined ? [] : [fault.match]),
    ...(percent >= 100 ? [] : [`numgen random mod 100 < ${percent}`]),
    `counter drop comment "${fault.label.replaceAll('"', "")}"`,
  ].join(" ");
}

/** The whole rule set, replacing whatever was there before in one transaction (input of `nft -f -`); pure. */
export function renderFaults(faults: readonly Fault[]): string {
  const rules = faults.map((fault) => `    ${ruleOf(fault)}\n`).join("");
  const chain = `  chain forward {\n    type filter hook forward priority 0; policy accept;\n${rules}  }\n`;
  return `${table} {}\ndelete ${table}\n${table} {\n${chain}}\n`;
}

export type FaultChange =
  | { readonly kind: "add"; readonly faults: readonly Fault[] }
  | { readonly kind: "remove"; readonly label: string }
  | { readonly kind: "clear" };

/** The rules after a change. Adding rules under a label replaces those it had; pure. */
export function changeFaults(current: readonly Fault[], change: FaultChange): readonly Fault[] {
  switch (change.kind) {
    case "add": {
      const labels = new Set(change.faults.map((fault) => fault.label));
      return [...current.filter((fault) => !labels.has(fault.label)), ...change.faults];
    }
    case "remove":
      return current.filter((fault) => fault.label !== change.label);
    case "clear":
      return [];
    default:
      return assertNever(change);
  }
}

/** Two groups that no longer hear each other; everybody else still hears both. */
export function partitionFaults(label: string, groupA: readonly string[], groupB: readonly string[]): Fault[] {
  return [
    { label, from: groupA, to: groupB },
    { label, from: groupB, to: groupA },
  ];
}

/** Frames lost on one cable, in both directions. */
export function lossFaults(name: string, percent: number, match?: string): Fault[] {
  const common = { label: `loss ${name}`, percent, ...(match === undefined ? {} : { match }) };
  return [
    { ...common, from: [name] },
    { ...common, to: [name] },
  ];
}

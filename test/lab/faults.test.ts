import { describe, expect, test } from "@jest/globals";
import { changeFaults, type Fault, lossFaults, partitionFaults, renderFaults } from "./faults.ts";

const wholeSet = (rules: string): string => `table bridge berth_faults {}
delete table bridge berth_faults
table bridge berth_faults {
  chain forward {
    type filter hook forward priority 0; policy accept;
${rules}  }
}
`;

describe("the rules of the switch", () => {
  test.each<{ name: string; faults: readonly Fault[]; rules: string }>([
    { name: "none", faults: [], rules: "" },
    {
      name: "a partition",
      faults: partitionFaults("partition", ["n1"], ["n2", "c1"]),
      rules: `    iifname { "v-n1" } oifname { "v-n2", "v-c1" } counter drop comment "partition"
    iifname { "v-n2", "v-c1" } oifname { "v-n1" } counter drop comment "partition"
`,
    },
    {
      name: "a share of frames, each way",
      faults: lossFaults("n3", 20),
      rules: `    iifname { "v-n3" } numgen random mod 100 < 20 counter drop comment "loss n3"
    oifname { "v-n3" } numgen random mod 100 < 20 counter drop comment "loss n3"
`,
    },
    {
      name: "one kind of frame, everywhere",
      faults: [{ label: 'no "arp"', match: "ether type arp" }],
      rules: `    ether type arp counter drop comment "no arp"
`,
    },
  ])("$name", ({ faults, rules }) => {
    expect(renderFaults(faults)).toBe(wholeSet(rules));
  });
});

describe("changes of the rules", () => {
  const a: Fault = { label: "a", from: ["n1"] };
  const b: Fault = { label: "b", from: ["n2"] };
  const a2: Fault = { label: "a", to: ["n3"] };

  test.each([
    { name: "adding keeps the others", change: { kind: "add", faults: [b] }, after: [a, b] },
    { name: "adding replaces the label", change: { kind: "add", faults: [a2, b] }, after: [a2, b] },
    { name: "two rules may share a label", change: { kind: "add", faults: [a, a2] }, after: [a, a2] },
    { name: "removing", change: { kind: "remove", label: "a" }, after: [] },
    { name: "removing what is not there", change: { kind: "remove", label: "x" }, after: [a] },
    { name: "clearing", change: { kind: "clear" }, after: [] },
  ] as const)("$name", ({ change, after }) => {
    expect(changeFaults([a], change)).toEqual(after);
  });
});

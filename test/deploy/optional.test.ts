/** deploy/optional against what it is about: a policy for names that nobody has protects nothing. What it lets through is judged by a real API server (test/e2e/admission.e2e.ts). */
import { readFileSync } from "node:fs";
import { expect, test } from "@jest/globals";
import { parseAllDocuments } from "yaml";
import { FENCED_BY_ANNOTATION, speakerLeaseName } from "../../lib/model/speaker-lease.ts";
import { manifestPath } from "../../scripts/deploy/manifest.ts";

interface Policy {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly spec: {
    readonly policyName?: string;
    readonly validationActions?: readonly string[];
    readonly failurePolicy?: string;
    readonly matchConditions?: readonly { readonly expression: string }[];
  };
}

const path = new URL("../../deploy/optional/node-bound-writes.yaml", import.meta.url);
const text = readFileSync(path, "utf8");
const objects = documents(text);

function documents(yaml: string): readonly Policy[] {
  return parseAllDocuments(yaml).map((one) => one.toJS() as Policy);
}

test("each policy is in force: it has a binding that denies", () => {
  const policies = objects.filter((one) => one.kind === "ValidatingAdmissionPolicy");
  const bindings = objects.filter((one) => one.kind === "ValidatingAdmissionPolicyBinding");
  expect(policies.map((one) => one.metadata.name)).toEqual(["berth-speaker-holders", "berth-speaker-leases"]);
  expect(bindings.map((one) => one.spec.policyName)).toEqual(policies.map((one) => one.metadata.name));
  for (const one of bindings) expect(one.spec.validationActions).toEqual(["Deny"]);
  for (const one of policies) expect(one.spec.failurePolicy).toBe("Fail");
});

test("it is about the service account, the Leases and the annotation that there are", () => {
  const account = documents(readFileSync(manifestPath, "utf8")).find(
    (one) => one.kind === "ServiceAccount" && one.metadata.name === "berth-speaker",
  );
  const user = `system:serviceaccount:${account?.metadata.namespace}:${account?.metadata.name}`;
  for (const one of objects.filter((each) => each.kind === "ValidatingAdmissionPolicy")) {
    expect(one.spec.matchConditions?.map((each) => each.expression)).toEqual([
      `request.userInfo.username == '${user}'`,
    ]);
  }
  expect(text).toContain(`'${speakerLeaseName("")}' + variables.node`);
  expect(text).toContain(`"'${FENCED_BY_ANNOTATION}'"`);
});

import { describe, expect, test } from "@jest/globals";
import { apiPath, objectKey, pointerSegment } from "../../../lib/kube/path.ts";
import { compareResourceVersions, higherResourceVersion } from "../../../lib/kube/resource-version.ts";

describe("paths", () => {
  test.each([
    [apiPath("v1", "services"), "/api/v1/services"],
    [apiPath("v1", "events", { namespace: "a" }), "/api/v1/namespaces/a/events"],
    [
      apiPath("berth.dev/v1alpha1", "virtualips", { name: "10.0.0.1", subresource: "status" }),
      "/apis/berth.dev/v1alpha1/virtualips/10.0.0.1/status",
    ],
    [apiPath("v1", "services", { namespace: "a/../b", name: "x?y" }), "/api/v1/namespaces/a%2F..%2Fb/services/x%3Fy"],
    [objectKey("", "n"), "n"],
    [objectKey("a", "n"), "a/n"],
    [pointerSegment("berth.dev/a~b"), "berth.dev~1a~0b"],
  ])("%s", (got, expected) => {
    expect(got).toBe(expected);
  });
});

describe("resource versions", () => {
  test.each([
    ["9", "10", "lower"],
    ["10", "9", "higher"],
    ["10", "10", "equal"],
    ["19", "20", "lower"],
    // Beyond what a double holds.
    ["9007199254740993", "9007199254740992", "higher"],
    ["", "10", "unknown"],
    ["010", "10", "unknown"],
    ["x", "x", "unknown"],
  ])("%s against %s is %s", (left, right, expected) => {
    expect(compareResourceVersions(left, right)).toBe(expected);
  });

  test.each([
    ["", "5", "5"],
    ["5", "", "5"],
    ["5", "6", "6"],
    ["6", "5", "6"],
    ["x", "5", "x"],
  ])("the higher of %s and %s is %s", (left, right, expected) => {
    expect(higherResourceVersion(left, right)).toBe(expected);
  });
});

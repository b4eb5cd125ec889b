import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { loadKubeConfig } from "../../../lib/kube/client.ts";

describe("loadKubeConfig", () => {
  const helpers = [
    ["exec", { exec: { command: "log-me-in" } }, "by exec"],
    ["a provider", { "auth-provider": { name: "oidc", config: { "id-token": "x" } } }, "by auth-provider oidc"],
  ] as const;
  test.each(helpers)("a user who logs in through %s is refused", (_, user, said) => {
    const directory = mkdtempSync(join(tmpdir(), "berth-kubeconfig-"));
    const file = join(directory, "kubeconfig");
    const clusters = [{ name: "c", cluster: { server: "https://127.0.0.1:1" } }];
    const contexts = [{ name: "c", context: { cluster: "c", user: "u" } }];
    writeFileSync(file, JSON.stringify({ clusters, users: [{ name: "u", user }], contexts, "current-context": "c" }));
    try {
      expect(() => loadKubeConfig(file)).toThrow(
        expect.objectContaining({ code: "bad-config", message: expect.stringContaining(said) }),
      );
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  test("a kubeconfig that is not there is bad-config", () => {
    expect(() => loadKubeConfig("/nonexistent/kubeconfig")).toThrow(expect.objectContaining({ code: "bad-config" }));
  });
});

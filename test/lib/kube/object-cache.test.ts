import { describe, expect, test } from "@jest/globals";
import type { Json } from "../../../lib/kube/api.ts";
import { ObjectCache } from "../../../lib/kube/object-cache.ts";
import { asText, fields } from "../../../lib/model/decode.ts";

const thing = (name: string, resourceVersion: string, text: string): Json => ({
  metadata: { name, uid: `uid-${name}`, resourceVersion },
  text,
});
const textOf = (raw: Json) => asText(fields(raw)["text"]);

describe("a list that replaces everything", () => {
  test("an object of a known version is not read again", () => {
    const cache = new ObjectCache(textOf);
    cache.apply({ type: "replace", items: [thing("a", "5", "old")], rolledBack: false });
    const change = cache.apply({ type: "replace", items: [thing("a", "5", "new")], rolledBack: false });
    expect([change.changed, cache.get("a")]).toEqual([[], "old"]);
  });

  test("after a rollback a known version may be something else", () => {
    const cache = new ObjectCache(textOf);
    cache.apply({ type: "replace", items: [thing("a", "5", "old")], rolledBack: false });
    const change = cache.apply({ type: "replace", items: [thing("a", "5", "new")], rolledBack: true });
    expect([change.changed, cache.get("a")]).toEqual([["a"], "new"]);
  });
});

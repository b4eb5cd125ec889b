/** Which lists a dead watch has made anew. */
import { expect, test } from "@jest/globals";
import { silentLogger } from "../../../lib/runtime/log.ts";
import { seededRandom } from "../../../lib/runtime/random.ts";
import { createWatches } from "../../../speaker/shell/watches.ts";
import { FakeApi, FakeTime } from "../../lib/kube/fakes.ts";

test("a doubt lists the Leases, or everything, but nothing that is being listed; a rollback lists all from the start", async () => {
  const api = new FakeApi();
  const time = new FakeTime();
  const deps = { clock: time, random: seededRandom(1), log: silentLogger, scheduler: time };
  const watches = createWatches({ api, namespace: "berth", deps, post: () => {}, onLease: () => {} });
  const lists = (): readonly string[] => {
    const made = api.calls.splice(0).map(({ path }) => path.slice(path.lastIndexOf("/") + 1));
    return made.sort();
  };
  const all = ["endpointslices", "leases", "nodes", "virtualips"];
  watches.start();
  const first = [...api.calls];
  expect(lists()).toEqual(all);
  watches.doubt(true);
  expect(lists()).toEqual([]);
  for (const call of first) await call.answer({ metadata: { resourceVersion: "10" }, items: [] });
  watches.doubt(false);
  expect(lists()).toEqual(["leases"]);
  watches.doubt(true);
  expect(lists()).toEqual(all.filter((one) => one !== "leases"));
  watches.relist();
  expect(lists()).toEqual(all);
});

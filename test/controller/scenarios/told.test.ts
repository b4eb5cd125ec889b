/** What is told of an address is told anew when it becomes something else, though nothing becomes free by it. docs/allocation.md names this. */
import { expect, test } from "@jest/globals";
import { Scene } from "./scene.ts";

test("an address that its pool does not have any more says so, and then that the pool is being deleted", async () => {
  const scene = new Scene();
  scene.pool("first", ["10.0.0.1-10.0.0.4"]);
  scene.service("web");
  await scene.settle();
  scene.editPool("first", { addresses: ["10.0.0.3-10.0.0.4"] });
  await scene.settle();
  expect(scene.vipSays("10.0.0.1")).toContain("False OutsideSpec");
  scene.deletePool("first");
  await scene.settle();
  expect(scene.vipSays("10.0.0.1")).toContain("False PoolDeleting");
});

test("who asks for an address is told who has it, also when somebody is named again in a VirtualIP that was emptied", async () => {
  const scene = new Scene();
  scene.pool("first", ["10.0.0.1-10.0.0.4"]);
  scene.service("web");
  await scene.settle();
  // It is set right at once, and a second time a second later.
  scene.editVip("10.0.0.1", { spec: { services: [] } });
  await scene.settle(100);
  scene.editVip("10.0.0.1", { spec: { services: [] } });
  scene.service("other", { annotations: { "berth.dev/ips": "10.0.0.1" } });
  await scene.settle();
  expect(scene.says("other")).toContain("10.0.0.1 is in use by default/web");
});

/** The frame worker ends or cannot open a socket: what the process makes of it. */
import { expect, test } from "@jest/globals";
import type { KubeApi } from "../../../lib/kube/api.ts";
import { systemClock } from "../../../lib/runtime/clock.ts";
import { createLogger } from "../../../lib/runtime/log.ts";
import type { FromWorker } from "../../../speaker/net/messages.ts";
import { SpeakerShell } from "../../../speaker/shell/speaker-shell.ts";

function shell() {
  let tell: (message: FromWorker) => void = () => {};
  const made = new SpeakerShell({
    node: "a",
    instance: "ia",
    namespace: "berth-system",
    podName: "",
    // Nothing is called: the speaker knows of no address.
    api: {} as KubeApi,
    clock: systemClock,
    log: createLogger({ name: "test", level: "silent" }),
    frames: {
      send: () => {},
      onMessage: (callback) => {
        tell = callback;
      },
    },
    heartbeat: { setFacts: () => {}, tell: () => {} },
    doubt: () => {},
    onReady: () => {},
  });
  const lost: string[] = [];
  made.onLost(async () => {
    lost.push("lost");
  });
  return { made, lost, tell: (message: FromWorker) => tell(message) };
}

test("the worker has ended: the process ends at once, for its Lease would go on promising answers", () => {
  const { made, lost, tell } = shell();
  tell({ type: "failed", message: "the frame worker ended", fatal: true });
  expect(lost).toEqual(["lost"]);
  expect(made.notAlive()).toMatch("the frame worker ended");
  expect(made.notReady()).toMatch("the frame worker ended");
});

test("an interface without sockets: not ready until it is mended, and nobody is killed for it", () => {
  const { made, lost, tell } = shell();
  const before = made.notReady();
  tell({ type: "failed", message: "eth1: bind", fatal: false });
  expect([made.notReady(), made.notAlive(), lost]).toEqual(["eth1: bind", undefined, []]);
  tell({ type: "mended" });
  expect(made.notReady()).toBe(before);
});

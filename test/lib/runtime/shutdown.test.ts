import { EventEmitter } from "node:events";
import { expect, test } from "@jest/globals";
import { silentLogger } from "../../../lib/runtime/log.ts";
import { onShutdown } from "../../../lib/runtime/shutdown.ts";

class FakeProcess extends EventEmitter {
  readonly exits: number[] = [];
  exit(code: number): void {
    this.exits.push(code);
  }
}

/** Lets the promises that are settled run their continuations. */
const settle = () => new Promise<void>((resolve) => setImmediate(resolve));

test("the handler runs once and the exit waits for it", async () => {
  const target = new FakeProcess();
  const seen: string[] = [];
  const gate = Promise.withResolvers<void>();
  onShutdown(
    (signal) => {
      seen.push(signal);
      return gate.promise;
    },
    silentLogger,
    target,
  );
  target.emit("SIGTERM", "SIGTERM");
  await settle();
  expect([seen, target.exits]).toEqual([["SIGTERM"], []]);
  gate.resolve();
  await settle();
  expect([seen, target.exits]).toEqual([["SIGTERM"], [0]]);
});

test("a second signal leaves at once", () => {
  const target = new FakeProcess();
  onShutdown(() => new Promise(() => {}), silentLogger, target);
  target.emit("SIGTERM", "SIGTERM");
  target.emit("SIGINT", "SIGINT");
  expect(target.exits).toEqual([1]);
});

test.each([
  [
    "throws",
    () => {
      throw new Error("broken");
    },
  ],
  ["rejects", () => Promise.reject(new Error("broken"))],
])("a handler that %s ends in exit code 1", async (_, handler) => {
  const target = new FakeProcess();
  onShutdown(handler, silentLogger, target);
  target.emit("SIGINT", "SIGINT");
  await settle();
  expect(target.exits).toEqual([1]);
});

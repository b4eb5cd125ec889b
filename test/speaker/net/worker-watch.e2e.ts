/** A frame worker that hangs in a system call, and a process that was stopped with its worker, as processes. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { afterAll, expect, jest, test } from "@jest/globals";
import { rest } from "./namespaces.ts";

jest.setTimeout(60_000);

const HERE = new URL("./fixtures/", import.meta.url);
const children: ChildProcess[] = [];

function start(...args: readonly string[]) {
  const child = spawn(process.execPath, [new URL("hung-agent.ts", HERE).pathname, ...args], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  children.push(child);
  const said: string[] = [];
  child.stdout?.on("data", (text: Buffer) => said.push(String(text)));
  const messages = () =>
    said
      .join("")
      .split("\n")
      .slice(0, -1)
      .map((line) => JSON.parse(line) as { type: string });
  return { child, messages };
}

afterAll(() => {
  for (const child of children) child.kill("SIGKILL");
});

test("the worker hangs: the process says so and ends, though no thread can be ended", async () => {
  const { child, messages } = start(new URL("hung-worker.ts", HERE).href);
  expect(await once(child, "exit")).toEqual([1, null]);
  expect(messages().map(({ type }) => type)).toEqual(["ready", "failed"]);
  expect(messages()[1]).toEqual({ type: "failed", message: expect.stringContaining("hangs"), fatal: true });
});

test("stopped for longer than a worker may be silent: it goes on", async () => {
  const { child, messages } = start();
  await rest(3_000);
  child.kill("SIGSTOP");
  await rest(13_000);
  child.kill("SIGCONT");
  await rest(3_000);
  expect([child.exitCode, child.signalCode]).toEqual([null, null]);
  // The loop of the real worker has noticed, and turns.
  expect(messages().map(({ type }) => type)).toContain("fenced");
  expect(messages().map(({ type }) => type)).not.toContain("failed");
});

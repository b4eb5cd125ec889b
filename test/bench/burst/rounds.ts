/** One burst, and one restart, each against an API server of its own. */
import { type ChildProcess, spawn } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { imageEnvironment } from "../../../scripts/image/names.ts";
import { must } from "../../lab/run.ts";
import { processorTimeS } from "../processor.ts";
import { ApiServer, mortal } from "./api-server.ts";
import { MeasuredController, shippedNode } from "./controller.ts";
import { type Actor, countWrites, type Round, sumOf, type Writes, writesBetween } from "./plan.ts";

/** What the ideal client has under way at once: more does not make it faster. */
const IDEAL_CONCURRENCY = 64;
/** The status of a pool follows within a second. */
const AFTER_MS = 1_500;
const LOAD_TIMEOUT_MS = 600_000;

export interface Working {
  readonly pid: number;
  stop(): Promise<void>;
}

function file(name: string): string {
  return fileURLToPath(new URL(name, import.meta.url));
}

/** Sixteen clients create so many Services; it ends when all are created, or all have their addresses. */
export async function load(
  server: ApiServer,
  size: number,
  until: "created" | "addressed",
): Promise<Pick<Round, "seconds" | "latenciesMs">> {
  const argv = mortal([process.execPath, file("load.ts"), server.adminKubeconfig, String(size), until]);
  return JSON.parse(await must(argv, { timeoutMs: LOAD_TIMEOUT_MS }));
}

/** A burst on an empty store; `after` may go on with what it has left behind. */
export async function burstRound(
  cluster: string,
  actor: Actor,
  size: number,
  after: (server: ApiServer, working: Working | undefined) => Promise<void>,
): Promise<Round> {
  const server = await ApiServer.start(cluster);
  let working: Working | undefined;
  try {
    working = await startActor(actor, server);
    const before = countWrites(await server.metrics());
    const until = actor === "bare" ? "created" : "addressed";
    const cpuBeforeS = working === undefined ? 0 : processorTimeS(working.pid);
    const told = await load(server, size, until);
    await sleep(AFTER_MS);
    const cpuS = working === undefined ? 0 : processorTimeS(working.pid) - cpuBeforeS;
    const writes = writesBetween(before, countWrites(await server.metrics()));
    await after(server, working);
    return { ...told, writes, cpuS };
  } finally {
    await working?.stop();
    await server.stop();
  }
}

export interface Restart {
  readonly seconds: number;
  readonly writes: Writes;
}

/** Starts a controller, ends it, and leaves its Lease free. */
export async function restartRound(server: ApiServer, size: number): Promise<Restart> {
  const before = countWrites(await server.metrics());
  const startedMs = performance.now();
  const controller = await MeasuredController.start(server);
  try {
    await controller.settled(size);
    const seconds = (performance.now() - startedMs) / 1_000;
    await sleep(AFTER_MS);
    return { seconds, writes: writesBetween(before, countWrites(await server.metrics())) };
  } finally {
    await controller.stop();
  }
}

export function writesOf(restarts: readonly Restart[]): number {
  return Math.max(...restarts.map(({ writes }) => sumOf(writes)));
}

async function startActor(actor: Actor, server: ApiServer): Promise<Working | undefined> {
  if (actor === "bare") return undefined;
  if (actor === "berth") {
    const controller = await MeasuredController.start(server);
    await controller.settled(0);
    return controller;
  }
  const { node } = await shippedNode(server);
  const argv = mortal([...node, file("ideal.ts"), server.controllerKubeconfig, String(IDEAL_CONCURRENCY)]);
  const [command = "", ...args] = argv;
  const env = { ...imageEnvironment, PATH: process.env["PATH"] };
  const child = spawn(command, args, { stdio: ["ignore", "pipe", "inherit"], env });
  const watching = new Promise((resolve, reject) => {
    child.stdout.once("data", resolve);
    child.once("exit", (code) => reject(new Error(`the ideal client has ended with ${code}`)));
  });
  await watching;
  return { pid: child.pid ?? 0, stop: () => ended(child) };
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGKILL");
  await exited;
}

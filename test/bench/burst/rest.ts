/** What the controller asks of the API server when nothing happens, by the API server's audit log. */
import { setTimeout as sleep } from "node:timers/promises";
import { ApiServer } from "./api-server.ts";
import { MeasuredController } from "./controller.ts";
import { type Asked, askedOf } from "./plan.ts";
import { load } from "./rounds.ts";

const SERVICES = 100;
/** Longer than the backlog of a start: status of the pool, old events, the sweep. */
const BEFORE_MS = 15_000;
const REST_MS = 120_000;

export interface Rest {
  readonly seconds: number;
  readonly asked: Asked;
}

/** A controller with so many Services that have their addresses, in a cluster in which nobody does anything. */
export async function restRound(cluster: string): Promise<Rest> {
  const server = await ApiServer.start(cluster, { isAudited: true });
  let controller: MeasuredController | undefined;
  try {
    controller = await MeasuredController.start(server);
    await load(server, SERVICES, "addressed");
    await controller.settled(SERVICES);
    await sleep(BEFORE_MS);
    const before = server.audit().length;
    await sleep(REST_MS);
    // Throws if the controller has ended: it would ask for nothing then.
    await controller.settled(SERVICES);
    return { seconds: REST_MS / 1_000, asked: askedOf(server.audit().slice(before)) };
  } finally {
    await controller?.stop();
    await server.stop();
  }
}

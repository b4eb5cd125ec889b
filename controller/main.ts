/** Berth's controller: reads its flags, starts the parts, and gives up the Lease when told to go. */
import { randomUUID } from "node:crypto";
import { createKubeApi, loadKubeConfig } from "../lib/kube/client.ts";
import { instanceId } from "../lib/model/speaker-lease.ts";
import { systemClock } from "../lib/runtime/clock.ts";
import { BerthError } from "../lib/runtime/errors.ts";
import { startHealthServer } from "../lib/runtime/health.ts";
import { createLogger, type Logger } from "../lib/runtime/log.ts";
import { systemRandom } from "../lib/runtime/random.ts";
import { onShutdown } from "../lib/runtime/shutdown.ts";
import { type ControllerFlags, readControllerFlags } from "./flags.ts";
import { App } from "./shell/app.ts";

const flags = readControllerFlags(process.argv);
const log = createLogger({ name: "berth-controller", level: flags.logLevel });
start(flags, log).catch((thrown) => {
  log.error({ error: BerthError.from(thrown) }, "the controller cannot start");
  process.exit(1);
});

async function start(options: ControllerFlags, log: Logger): Promise<void> {
  const config = loadKubeConfig(options.kubeconfig);
  const api = createKubeApi({ config, userAgent: "berth-controller" });
  const { namespace, podName, classLess, concurrency } = options;
  const identity = instanceId(options.podUid, randomUUID());
  const app = new App({
    api,
    clock: systemClock,
    random: systemRandom,
    log,
    namespace,
    identity,
    podName,
    classLess,
    concurrency,
  });
  const health = await startHealthServer({
    port: options.healthPort,
    host: options.healthHost,
    ready: () => app.notReady(),
    alive: () => undefined,
    log,
  });
  onShutdown(async () => {
    await app.stop();
    await health.close();
  }, log);
  app.start();
}

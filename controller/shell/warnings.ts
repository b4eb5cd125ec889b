/** Sends the warnings that the limit lets through. An event that cannot be written is logged and forgotten: the condition says the same. */
import { randomUUID } from "node:crypto";
import type { KubeApi } from "../../lib/kube/api.ts";
import { apiPath } from "../../lib/kube/path.ts";
import type { Clock } from "../../lib/runtime/clock.ts";
import { BerthError } from "../../lib/runtime/errors.ts";
import type { Logger } from "../../lib/runtime/log.ts";
import { admitEvent, eventJson, eventNamespace, initialEventLimit, type Warning } from "../events.ts";
import { eventsDropped } from "../metrics.ts";

/** The name of an object may have 253 characters, the event's own part included. */
const NAME_MAX = 200;

export interface WarningDeps {
  readonly api: KubeApi;
  readonly clock: Clock;
  readonly log: Logger;
  /** Name of this pod: reportingInstance must not be empty. */
  readonly instance: string;
}

export function createWarnings({ api, clock, log, instance }: WarningDeps): (warning: Warning) => void {
  let limit = initialEventLimit;
  return (warning) => {
    const decided = admitEvent(limit, warning, clock.monotonicMs());
    limit = decided.limit;
    const { kind, meta, reason, message } = warning;
    log.warn({ kind, namespace: meta.namespace, object: meta.name, reason }, message);
    if (!decided.admitted) {
      eventsDropped.inc({});
      return;
    }
    const name = `${meta.name.slice(0, NAME_MAX)}.${randomUUID().slice(0, 13)}`;
    const body = eventJson(warning, { name, nowText: new Date(clock.wallMs()).toISOString(), instance });
    api.create(apiPath("events.k8s.io/v1", "events", { namespace: eventNamespace(warning) }), body).catch((thrown) => {
      log.warn({ error: BerthError.from(thrown), object: meta.name }, "the event could not be written");
    });
  };
}

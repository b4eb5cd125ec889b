/** Posts warnings as events; a lost one costs nothing, since the condition says the same. */
import type { KubeApi } from "../../lib/kube/api.ts";
import { apiPath } from "../../lib/kube/path.ts";
import type { Clock } from "../../lib/runtime/clock.ts";
import { BerthError } from "../../lib/runtime/errors.ts";
import type { Logger } from "../../lib/runtime/log.ts";
import { admitEvent, eventJson, eventNamespace, initialEventLimit, type Warning } from "../events.ts";
import * as metrics from "../metrics.ts";

export interface WarningDeps {
  readonly api: KubeApi;
  readonly clock: Clock;
  /** Name of this pod, for the event's reportingInstance. */
  readonly instance: string;
  readonly log: Logger;
  /** A name that no other event has. */
  newName(): string;
}

export function createWarnings(deps: WarningDeps): (warning: Warning) => void {
  let limit = initialEventLimit;
  return (warning) => {
    const admission = admitEvent(limit, warning, deps.clock.monotonicMs());
    limit = admission.limit;
    if (!admission.admitted) {
      metrics.eventsDropped.inc({});
      return;
    }
    const { kind, meta, reason, message } = warning;
    deps.log.warn({ kind, namespace: meta.namespace, name: meta.name, reason }, message);
    const nowText = new Date(deps.clock.wallMs()).toISOString();
    const event = eventJson(warning, { name: deps.newName(), nowText, instance: deps.instance });
    const path = apiPath("events.k8s.io/v1", "events", { namespace: eventNamespace(warning) });
    deps.api.create(path, event).catch((thrown) => {
      deps.log.warn({ error: BerthError.from(thrown) }, "an event could not be posted");
    });
  };
}

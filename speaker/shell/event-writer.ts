/** Sends events within a budget. One that cannot be written is dropped: the condition and the log say the same. */
import type { KubeApi } from "../../lib/kube/api.ts";
import { apiPath } from "../../lib/kube/path.ts";
import type { ConditionClaim } from "../../lib/model/conditions.ts";
import type { VirtualIP } from "../../lib/model/virtual-ip.ts";
import type { Clock } from "../../lib/runtime/clock.ts";
import { BerthError } from "../../lib/runtime/errors.ts";
import type { Logger } from "../../lib/runtime/log.ts";
import type { Limiter } from "./limiter.ts";
import { eventsDropped } from "./metrics.ts";
import {
  type EventToWrite,
  initialBudget,
  type MoveEvent,
  moveEvents,
  type Stamp,
  spend,
  warningEvents,
} from "./move-events.ts";

export interface EventWriterOptions {
  readonly api: KubeApi;
  readonly clock: Clock;
  readonly log: Logger;
  /** The name of this pod, or of the node. */
  readonly instance: string;
  readonly limiter: Limiter;
}

export class EventWriter {
  readonly #options: EventWriterOptions;
  #budget = initialBudget;
  #serial = 0;

  constructor(options: EventWriterOptions) {
    this.#options = options;
  }

  moved(event: MoveEvent): void {
    this.#write("moved", event.vip.meta.name, (at) => moveEvents(event, at));
  }

  /** A condition was written; what a user should act on becomes a warning. */
  said(vip: VirtualIP, claim: ConditionClaim): void {
    this.#write(claim.type, vip.meta.name, (at) => warningEvents(vip, claim, at));
  }

  #write(about: string, vip: string, make: (at: Stamp) => readonly EventToWrite[]): void {
    const { api, clock, log, instance, limiter } = this.#options;
    this.#serial += 1;
    const serial = `${clock.wallMs().toString(16)}${this.#serial.toString(16)}`;
    const events = make({ nowText: new Date(clock.wallMs()).toISOString(), instance, serial });
    if (events.length === 0) return;
    const spent = spend(this.#budget, clock.monotonicMs());
    this.#budget = spent.budget;
    if (!spent.admitted) {
      eventsDropped.inc({});
      return;
    }
    for (const [index, { namespace, body }] of events.entries()) {
      limiter.run(`event ${about} ${vip} ${index}`, async () => {
        try {
          await api.create(apiPath("events.k8s.io/v1", "events", { namespace }), body);
        } catch (thrown) {
          log.debug({ vip, error: BerthError.from(thrown).message }, "event not written");
        }
      });
    }
  }
}

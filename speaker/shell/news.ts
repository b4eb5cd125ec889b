import type { HeartbeatEffect } from "../../lib/lease/heartbeat-types.ts";
import { assertNever } from "../../lib/runtime/errors.ts";
import type { SpeakerInput } from "../state.ts";

/** What the heartbeat's news mean for the loop. The informers' part of it is the caller's. */
export function newsInputs(news: Exclude<HeartbeatEffect, { type: "request" }>): readonly SpeakerInput[] {
  switch (news.type) {
    case "acting":
      return [{ type: "own-lease", phase: "acting", adopted: news.adopt !== "" }];
    case "lost":
      return [{ type: "own-lease", phase: "lost", adopted: false }];
    case "pulse":
      return [{ type: "api", up: true }];
    case "pulse-lost":
      return [
        { type: "api", up: false },
        { type: "lease", input: { type: "pulse-lost" } },
      ];
    case "renewed":
      return [{ type: "lease", input: { type: "renewed", resourceVersion: news.resourceVersion } }];
    case "leaving":
    case "handed-over":
    case "successor-acting":
    case "ended":
      return [{ type: "lease-event", event: news.type }];
    case "fenced":
      return [{ type: "lease-event", event: news.type, mark: news.by }];
    case "queued":
    case "rollback":
      return [];
    default:
      return assertNever(news);
  }
}

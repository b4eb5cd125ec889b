import { describe, expect, test } from "@jest/globals";
import { announceFailure, type ExclusionReason } from "../../speaker/reasons.ts";

describe("one word for why nobody announces", () => {
  test.each<[readonly ExclusionReason[], string]>([
    [[], "NoCandidate"],
    [["no-endpoint", "node-selector", "no-endpoint"], "NoEndpoint"],
    [["no-service"], "NoService"],
    [["node-selector", "node-selector"], "NoNodeSelected"],
    [["exclude-label", "out-of-service"], "NodesExcluded"],
    [["exclude-label", "node-selector"], "NoCandidate"],
    [["exclude-label", "no-such-interface", "node-selector"], "InterfaceNotFound"],
    [["no-interface", "no-interface"], "NoInterface"],
    [["no-carrier", "no-interface"], "NoCandidate"],
    [["no-local-endpoint", "local-endpoint-terminating"], "NoLocalEndpoint"],
    [["no-speaker", "speaker-lease-expired", "speaker-leaving"], "NoSpeaker"],
    [["answered-by-kernel", "node-selector"], "AnsweredByKernel"],
    [["node-unknown"], "NoCandidate"],
  ])("%j: %s", (reasons, word) => {
    expect(announceFailure(reasons.map((reason) => ({ reason })))).toBe(word);
  });
});

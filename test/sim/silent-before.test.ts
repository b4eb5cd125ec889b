/** A node that was silent for addresses which it does not hold any more is given others: what was found of those says nothing of these. */
import { describe, expect, test } from "@jest/globals";
import { endpointsOn, SERVICE } from "./objects.ts";
import { settled, unsound } from "./story.ts";

describe("a speaker that was found silent, and holds others now, keeps them", () => {
  test.each([1, 2, 3, 4])("its endpoints went and came (externalTrafficPolicy Local), seed %i", (seed) => {
    const { cluster, holder } = settled({ seed, nodes: 4, addresses: 8 });
    for (const vip of cluster.api.vips.values()) {
      const services = vip.services.map((one) => ({ ...one, externalTrafficPolicy: "Local" as const }));
      cluster.api.putVip({ ...vip, services });
    }
    const [back = "", ...rest] = cluster.names.filter((name) => name !== holder);
    cluster.run(500);
    cluster.api.putEndpoints(SERVICE, endpointsOn([holder, ...rest]));
    cluster.run(3_000);
    const held = [...cluster.api.vips.values()].filter((vip) => vip.holder?.node === holder).length;
    cluster.moves.length = 0;
    cluster.api.putEndpoints(SERVICE, endpointsOn([back, ...rest], [holder, back, ...rest]));
    cluster.run(15_000);
    expect(cluster.moves.map(({ reason }) => reason)).toEqual(Array(held).fill("hand-over-no-endpoint"));
    expect(unsound(cluster)).toEqual([]);
  });
});

import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { measureMass } from "../bench/mass.ts";
import { brokenPromises, worstOf } from "../bench/matrix/promises.ts";
import { type Row, rows } from "../bench/matrix/rows.ts";
import { runRow } from "../bench/matrix/run.ts";
import { Stage } from "../bench/matrix/stage.ts";
import { type SharedLab, withLab } from "../lab/shared.ts";
import { Berth } from "./berth.ts";

/** Rows of the fault matrix, once each. How fast it is stands in docs/failover.md; here only what must hold on a loaded machine. */

const MASS_GENEROUS_MS = 6_000;

describe("the fault matrix", () => {
  let shared: SharedLab;
  let berth: Berth;
  let stage: Stage;

  beforeAll(async () => {
    shared = await withLab();
    berth = new Berth(shared.lab);
    await berth.install();
    stage = new Stage(berth);
    await stage.build();
  }, 600_000);

  afterAll(async () => {
    await shared.lab.heal();
    await stage.clear();
    await shared.release();
  }, 240_000);

  test.each(rows.map((row): [string, Row] => [row.name, row]))(
    "%s",
    async (_, row) => {
      const result = await runRow(stage, row);
      const { outageMs, lost, cut, udpMs } = worstOf(result);
      const also = Object.entries(result.seen).map(([name, value]) => `, ${name} ${Math.round(value)}`);
      console.log(
        `${row.name}: ${Math.round(outageMs)} ms (UDP ${Math.round(udpMs)}), ${lost} lost, ${cut} cut, ${result.moved.length} moved, ${result.verdicts} verdicts${also.join("")}`,
      );
      expect(brokenPromises(row.promised, result)).toEqual([]);
    },
    300_000,
  );

  test("mass-500", async () => {
    const { samples, also = {} } = await measureMass(berth, 1);
    console.log(
      `mass-500: the last of 500 addresses is claimed again after ${Math.round(samples[0] ?? Number.NaN)} ms, recorded after ${also["recordedMs"]} ms; clients ${also["outageMs"]} ms`,
    );
    expect(also["outageMs"]).toBeLessThan(MASS_GENEROUS_MS);
    expect(samples[0]).toBeLessThan(MASS_GENEROUS_MS);
  }, 600_000);
});

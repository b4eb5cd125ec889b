/** Puts the broken module in the place of the real one, for everything that is imported after this. */
import { join } from "node:path";
import { jest } from "@jest/globals";
import { BROKEN } from "./table.ts";

const broken = BROKEN.find(({ rule }) => rule === process.env["BERTH_SABOTAGE"]);
if (broken === undefined) throw new Error(`no such rule: ${process.env["BERTH_SABOTAGE"]}`);
const path = join(import.meta.dirname, "../../..", broken.module);
const real: object = await import(path);
jest.unstable_mockModule(path, () => ({ ...real, ...broken.breaks(real) }));

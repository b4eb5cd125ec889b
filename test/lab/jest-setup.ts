import { type SharedLab, withLab } from "./shared.ts";

/** Jest loads setup and teardown apart from each other, in one process; this is the way from the one to the other. */
export const handOver = globalThis as { berthLab?: SharedLab };

/** jest globalSetup of the e2e tests: one lab for all files. */
export default async function setup(): Promise<void> {
  handOver.berthLab = await withLab();
}

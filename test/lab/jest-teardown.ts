import { handOver } from "./jest-setup.ts";

/** jest globalTeardown of the e2e tests: ends the lab if global setup has started it. */
export default async function teardown(): Promise<void> {
  await handOver.berthLab?.release();
}

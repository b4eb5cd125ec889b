import { attach, type Lab, type StartLabOptions, startLab } from "./lab.ts";
import { identify } from "./processes.ts";
import { readState, standingOf } from "./state.ts";

export interface SharedLab {
  readonly lab: Lab;
  /** Ends the lab if this call has started it; otherwise only heals it. */
  release(): Promise<void>;
}

/** Whether the lab that is up is one we may use: kept and offered by BERTH_LAB=keep, or started by this test run. */
function usable(environment: NodeJS.ProcessEnv): boolean {
  const state = readState();
  const standing = standingOf(state);
  if (state?.phase !== "up") return false;
  if (standing === "kept") return environment["BERTH_LAB"] === "keep";
  const owner = state.owner?.pid;
  return (
    standing === "owned" && (owner === process.pid || (owner === process.ppid && identify(process.ppid) !== undefined))
  );
}

/**
 * The lab for a test file: the one this run has started already (jest --runInBand: one process for all files; its global
 * setup may have started it), the kept one when BERTH_LAB=keep, or a new one that belongs to this process.
 */
export async function withLab(options: StartLabOptions = {}): Promise<SharedLab> {
  if (usable(process.env)) {
    const lab = attach();
    return { lab, release: () => lab.heal() };
  }
  const lab = await startLab(options);
  return { lab, release: () => lab.stop() };
}

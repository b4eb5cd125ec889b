import { BerthError } from "../../lib/runtime/errors.ts";
import { stopLab } from "./lab.ts";
import { defaultOptions, type ProxyMode } from "./plan.ts";
import { type SharedLab, withLab } from "./shared.ts";
import { readState, standingOf } from "./state.ts";

/** Jest loads setup and teardown apart from each other, in one process; this is the way from the one to the other. */
export const handOver = globalThis as { berthLab?: SharedLab };

/** BERTH_LAB_PROXY chooses how the lab's kube-proxy works, so that the same stories run in both modes. */
function proxyMode(): ProxyMode {
  const wanted = process.env["BERTH_LAB_PROXY"] ?? defaultOptions.proxyMode;
  if (wanted === "nftables" || wanted === "iptables") return wanted;
  throw new BerthError("bad-flag", `BERTH_LAB_PROXY is "${wanted}": it takes nftables or iptables`);
}

/** In CI nobody could end a lab that somebody has left running (`make lab-up`, `make demo`); elsewhere it may be in use. */
async function endForgottenLab(): Promise<void> {
  const { CI: ci, BERTH_LAB: wanted } = process.env;
  if (ci === undefined || wanted === "keep" || standingOf(readState()) !== "kept") return;
  console.error("a lab was left running on this machine: ending it");
  await stopLab();
}

/** jest globalSetup of the e2e tests: one lab for all files. */
export default async function setup(): Promise<void> {
  await endForgottenLab();
  handOver.berthLab = await withLab({ proxyMode: proxyMode() });
}

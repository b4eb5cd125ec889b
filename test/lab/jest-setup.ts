import { BerthError } from "../../lib/runtime/errors.ts";
import { defaultOptions, type ProxyMode } from "./plan.ts";
import { type SharedLab, withLab } from "./shared.ts";

/** Jest loads setup and teardown apart from each other, in one process; this is the way from the one to the other. */
export const handOver = globalThis as { berthLab?: SharedLab };

/** BERTH_LAB_PROXY chooses how the lab's kube-proxy works, so that the same stories run in both modes. */
function proxyMode(): ProxyMode {
  const wanted = process.env["BERTH_LAB_PROXY"] ?? defaultOptions.proxyMode;
  if (wanted === "nftables" || wanted === "iptables") return wanted;
  throw new BerthError("bad-flag", `BERTH_LAB_PROXY is "${wanted}": it takes nftables or iptables`);
}

/** jest globalSetup of the e2e tests: one lab for all files. */
export default async function setup(): Promise<void> {
  handOver.berthLab = await withLab({ proxyMode: proxyMode() });
}

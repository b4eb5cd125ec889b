/** Reads the Node and the speaker's Lease of a holder that stands in the way of a deletion. At most one read per node in two seconds. */
import type { KubeApi } from "../../lib/kube/api.ts";
import { apiPath } from "../../lib/kube/path.ts";
import { parseMeta } from "../../lib/model/decode.ts";
import { speakerLeaseName } from "../../lib/model/speaker-lease.ts";
import { HOLDER_CHECK_MS, type HolderFinding, judgeHolder, type LeaseReads, noteRead } from "../held.ts";
import { unlessMissing } from "./writes.ts";

export interface Holders {
  /** What is known of this node now; asks the API server if the last answer is older than HOLDER_CHECK_MS. */
  look(node: string, now: number): Promise<HolderFinding>;
  /** Forgets nodes that nobody has asked about for a minute. */
  expire(now: number): void;
}

const FORGET_MS = 60_000;

interface Entry {
  readonly reads: LeaseReads | undefined;
  readonly askedMs: number;
  readonly finding: Promise<HolderFinding>;
}

export function createHolders(api: KubeApi, namespace: string, clock: { monotonicMs(): number }): Holders {
  /** By node. BOUNDED by the nodes that hold an address which is being deleted. */
  const entries = new Map<string, Entry>();

  async function ask(
    node: string,
    before: LeaseReads | undefined,
  ): Promise<{ finding: HolderFinding; reads: LeaseReads | undefined }> {
    const found = await unlessMissing(api.get(apiPath("v1", "nodes", { name: node })));
    if (found === undefined) return { finding: judgeHolder(false, before), reads: before };
    const path = apiPath("coordination.k8s.io/v1", "leases", { namespace, name: speakerLeaseName(node) });
    const lease = await unlessMissing(api.get(path));
    const version = lease === undefined ? "" : (parseMeta(lease)?.resourceVersion ?? "");
    const reads = noteRead(before, version, clock.monotonicMs());
    return { finding: judgeHolder(true, reads), reads };
  }

  return {
    look(node, now) {
      const known = entries.get(node);
      // A little less than the period, so that a caller that comes back after exactly that long gets a new answer.
      if (known !== undefined && now - known.askedMs < HOLDER_CHECK_MS - 100) return known.finding;
      const answer = ask(node, known?.reads);
      const finding = answer.then((one) => one.finding);
      entries.set(node, { reads: known?.reads, askedMs: now, finding });
      answer.then(
        ({ reads }) => entries.set(node, { reads, askedMs: now, finding }),
        () => entries.delete(node),
      );
      return finding;
    },
    expire(now) {
      for (const [node, entry] of entries) if (now - entry.askedMs >= FORGET_MS) entries.delete(node);
    },
  };
}

/** What the wire says of another node, as the election of an address sees it. */
import type { VerdictKind } from "../detector/types.ts";

/** A verdict of the detector on one node as seen through one interface, weighed against what this node may conclude. */
export interface WireView {
  readonly kind: VerdictKind;
  readonly sinceMs: number;
  /** When the detector last said so. What was written or heard after that it may not know. */
  readonly toldMs: number;
  /** Those that it does not answer for; of a node that is gone all, whatever stands here. */
  readonly addresses: ReadonlySet<string>;
  /** This node hears others, and enough of them (E1): only then does the verdict count. */
  readonly proven: boolean;
  /** It has found this node gone, which runs, and has not answered it since: their path is broken, and its silence here says little. */
  readonly apart: ApartView | undefined;
}

export interface ApartView {
  /** Where nobody else could take from it, it is left alone until then. */
  readonly untilMs: number;
  /** Its Lease says that its process runs. */
  readonly renews: boolean;
}

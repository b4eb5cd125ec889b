/**
 * S1, the speaker's half: who learns of a record that names another node under a higher epoch than its own is silent within one tick, its
 * worker a moment later (docs/election.md sections 1 and 7). What it may have learned is what its process was told, whatever became of that.
 */
import type { VirtualIP } from "../../lib/model/virtual-ip.ts";
import type { AddressState } from "../../speaker/election/types.ts";
import type { SpeakerInput, SpeakerState } from "../../speaker/state.ts";
import type { SimProcess } from "./process.ts";
import type { Time } from "./timeline.ts";

/** The message to the worker. */
const WORKER_MS = 2;

/** Called after a step, with what the process was told and what it knew before. */
export function expectSilence(
  process: SimProcess,
  told: readonly SpeakerInput[],
  before: SpeakerState,
  time: Time,
  protest: (what: string) => void,
): void {
  for (const vip of told.map((input) => toldBy(input, before))) {
    if (vip?.holder === undefined || vip.holder.node === process.node) continue;
    const { node, epoch } = vip.holder;
    const { serving, record } = before.addresses.get(vip.meta.name) ?? {};
    if (serving === undefined || epoch <= (record?.epoch ?? 0)) continue;
    const isLoud = (): boolean => answersUnder(vip, process.state.addresses.get(vip.meta.name));
    const wrong = `S1: ${process.node} answers for ${vip.address}, though it was told of ${node} at epoch ${epoch}`;
    if (isLoud()) protest(wrong);
    // A predecessor goes on, and falls silent later.
    else if (process.state.addresses.get(vip.meta.name)?.serving === undefined)
      time.quietly(WORKER_MS, () => {
        const after = process.state.addresses.get(vip.meta.name);
        if (after?.serving === undefined && process.worker.answers(vip.address))
          protest(`${wrong}: its worker goes on`);
      });
  }
}

/** The record that an input brings, whichever way it came. The answer to a question that was asked anew since, or is settled, tells nothing. */
function toldBy(input: SpeakerInput, { addresses }: SpeakerState): VirtualIP | undefined {
  if (input.type === "virtual-ip") return input.vip;
  if (input.type === "written" && input.result.kind === "ok") return input.result.vip;
  const isAwaited = input.type === "read" && addresses.get(input.name)?.reading?.id === input.id;
  return isAwaited && input.result.kind === "found" ? input.result.vip : undefined;
}

function answersUnder({ meta, holder }: VirtualIP, one: AddressState | undefined): boolean {
  if (holder === undefined || one?.serving === undefined) return false;
  const { record, handing, taken } = one;
  // It knows of a later one by now, or of another tenant's.
  if (one.uid !== meta.uid || (record?.epoch ?? 0) > holder.epoch) return false;
  // The predecessor answers until it hears the successor, at most a second (section 8).
  if (handing?.epoch === holder.epoch && handing.to === holder.node) return false;
  // What the wire finds lost, or its holder leaves, under just this record (sections 5 and 8).
  return taken?.epoch !== holder.epoch;
}

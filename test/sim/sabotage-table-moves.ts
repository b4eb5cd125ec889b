/** The rules about who takes an address and who is handed one, each broken on purpose (see sabotage-table.ts). */
import type { VirtualIP } from "../../lib/model/virtual-ip.ts";
import type { AddressState } from "../../speaker/election/types.ts";
import type { SpeakerInput, SpeakerState } from "../../speaker/state.ts";
import { leftToTheFirst } from "./sabotage-leave.ts";
import * as moves from "./sabotage-moves.ts";
import type { Broken } from "./sabotage-table.ts";
import { withoutDoubt } from "./sabotage-table-records.ts";

export function withAddresses(state: SpeakerState, change: (one: AddressState) => AddressState): SpeakerState {
  return { ...state, addresses: new Map([...state.addresses].map(([name, one]) => [name, change(one)])) };
}

/** The object that an input brings, whichever way it came. */
function objectOf(input: SpeakerInput): VirtualIP | undefined {
  if (input.type === "virtual-ip") return input.vip;
  if (input.type === "written" && input.result.kind === "ok") return input.result.vip;
  return input.type === "read" && input.result.kind === "found" ? input.result.vip : undefined;
}

/** The object has the uid that was known before, as an event shows it. */
function sameUid(input: SpeakerInput, state: SpeakerState): SpeakerInput {
  if (input.type !== "virtual-ip" || input.vip === undefined) return input;
  const uid = state.addresses.get(input.name)?.uid ?? input.vip.meta.uid;
  return { ...input, vip: { ...input.vip, meta: { ...input.vip.meta, uid } } };
}

/** Whoever is named in the place of one that answers still does not learn of it as long as that one does. */
function waitsForSilence(input: SpeakerInput, state: SpeakerState): SpeakerInput | undefined {
  const holder = objectOf(input)?.holder;
  return holder?.node === state.node && holder.reason === "holder-lease-expired" ? undefined : input;
}

/** Nothing is heard about addresses that were taken and are not recorded yet. */
function deafWhileUnrecorded(input: SpeakerInput, state: SpeakerState): SpeakerInput | undefined {
  if (input.type !== "worker" || input.message.type !== "heard") return input;
  const name = state.names.get(input.message.address) ?? "";
  return state.addresses.get(name)?.taken === undefined ? input : undefined;
}

/** Whoever answers without a record does not learn that another one has it. */
function unrecordedStays(input: SpeakerInput, state: SpeakerState): SpeakerInput | undefined {
  const vip = objectOf(input);
  const taken = state.addresses.get(vip?.meta.name ?? "")?.taken;
  const isAnothers = vip?.holder !== undefined && vip.holder.node !== state.node;
  return isAnothers && taken !== undefined && vip.holder.epoch > taken.epoch ? undefined : input;
}

/** As if nobody had answered. */
function comesBackUnasked(input: SpeakerInput, state: SpeakerState): SpeakerInput {
  if (input.type !== "worker" || input.message.type !== "probed") return input;
  const name = state.probes.get(input.message.id)?.name ?? "";
  const task = state.addresses.get(name)?.task;
  const isBack = task?.kind === "probe" && task.why === "come-back";
  return isBack ? { ...input, message: { ...input.message, answers: [] } } : input;
}

function withoutProbes(input: SpeakerInput): SpeakerInput | undefined {
  return input.type === "worker" && input.message.type === "heard" && input.message.how === "probe" ? undefined : input;
}

/** That the last endpoint is gone is not told. */
function withoutLastEndpoint(input: SpeakerInput): SpeakerInput | undefined {
  return input.type === "endpoints" && input.endpoints?.[4].anywhere === false ? undefined : input;
}

export const BROKEN_MOVES: readonly Broken[] = [
  {
    rule: "a successor that is not heard within a second is given up (F10)",
    sabotage: { times: { handOverMs: 1_000_000 } },
    story: moves.unheardSuccessor,
  },
  {
    rule: "a successor that was not heard is passed over for a while (F10)",
    sabotage: { times: { skipMs: 0 } },
    story: moves.unheardSuccessor,
  },
  {
    rule: "whoever was heard to announce is believed for five seconds (S2)",
    sabotage: { times: { announcedMs: 0 } },
    story: leftToTheFirst,
  },
  {
    rule: "whom the record names announces, though its predecessor answers still (E10)",
    sabotage: { input: waitsForSilence },
    story: moves.cutOffForLong,
  },
  {
    rule: "moves by choice wait twice as long each time (E13)",
    sabotage: {
      state: (state) => withAddresses(state, (one) => ({ ...one, voluntary: { count: 0, atMs: 0 } })),
    },
    story: moves.comesAndGoes,
  },
  {
    rule: "a preferred node must have been there for half a minute (E13)",
    sabotage: { times: { voluntaryMs: 0 } },
    story: moves.looksIn,
  },
  {
    rule: "of two that have begun the one that comes later in the order yields (E7)",
    sabotage: { input: deafWhileUnrecorded },
    story: moves.bothBegin,
  },
  {
    rule: "what the wire finds lost is answered before it is recorded (F5)",
    sabotage: { verdict: (verdict) => (verdict.kind === "gone" ? { ...verdict, kind: "addresses" } : verdict) },
    story: moves.diesWithSlowApi,
  },
  {
    rule: "after a store was put back the record gets an epoch above all that were seen (F6)",
    sabotage: {
      state: (state) => withAddresses(state, (one) => ({ ...one, topEpoch: one.record?.epoch ?? 0 })),
    },
    story: moves.putBack,
  },
  {
    rule: "who answers a peer's first question reads its record (F6)",
    sabotage: { input: withoutProbes },
    story: moves.putBackUnseen,
  },
  {
    rule: "own renewals that do not come through the watch have everything listed anew (F7)",
    sabotage: { effects: withoutDoubt },
    story: moves.hushed,
  },
  {
    rule: "another uid under the same name is another tenant's address (A1)",
    sabotage: { input: sameUid },
    story: moves.createdAnew,
  },
  {
    rule: "where only local endpoints carry traffic a holder whose Node is not Ready hands over (F12)",
    sabotage: {
      input: (input) =>
        input.type === "node" && input.node !== undefined ? { ...input, node: { ...input.node, ready: true } } : input,
    },
    story: moves.notReadyWithLocal,
  },
  {
    rule: "whoever hears the router again tells what it holds (F3)",
    sabotage: {
      input: (input) =>
        input.type === "worker" && input.message.type === "back" && input.message.node === "" ? undefined : input,
    },
    story: moves.routerIsBack,
  },
  {
    rule: "a fault of a node counts when it has lasted: others may find the same (E9)",
    sabotage: { times: { faultSettleMs: 0 } },
    story: moves.uplinkLostToAll,
  },
  {
    rule: "nobody answers for a Service without an endpoint (F12)",
    sabotage: { input: withoutLastEndpoint },
    story: moves.onlyPodRestarts,
  },
  {
    rule: "an unrecorded holder loses to any record (rule Y)",
    sabotage: { input: unrecordedStays },
    story: moves.bothBegin,
  },
  {
    rule: "whoever fell silent for another asks the wire before it comes back (rule Y)",
    sabotage: { input: comesBackUnasked },
    story: moves.cutOffForLong,
  },
  {
    rule: "whoever fell silent for another leaves it the time to yield, too, before it asks (rule Y)",
    sabotage: { times: { comeBackRankMs: 0 } },
    story: moves.bothYield,
  },
  {
    rule: "rounds of the one that hands over may be under way as its successor begins (F10)",
    sabotage: { times: { declineMs: 0 } },
    story: moves.handedOverInARound,
  },
  {
    rule: "a successor that cannot hold the address leaves it for a while to the one that answers still (F10)",
    sabotage: { times: { declineMs: 0 } },
    story: moves.successorFlickers,
  },
];

/** The rules about records, Leases, processes, candidates and strangers, each broken on purpose (see sabotage-table.ts). */
import type { AddressState } from "../../speaker/election/types.ts";
import type { SpeakerEffect } from "../../speaker/state.ts";
import { macOf } from "./objects.ts";
import * as records from "./sabotage-records.ts";
import * as stories from "./sabotage-stories.ts";
import type { Broken } from "./sabotage-table.ts";
import * as wide from "./sabotage-wide.ts";

/** Else the missing renewals of Leases have everything listed anew, some seconds later. */
export const withoutDoubt = (effects: readonly SpeakerEffect[]): readonly SpeakerEffect[] =>
  effects.filter(({ type }) => type !== "doubt-watches");

export const BROKEN_RECORDS: readonly Broken[] = [
  {
    rule: "Leases do not age while the API server is away (E4)",
    sabotage: {
      state: (state, now) => ({
        ...state,
        peers: { ...state.peers, countFromMs: Number.NEGATIVE_INFINITY, selfSeenMs: now },
      }),
    },
    story: records.outageBehindWalls,
  },
  {
    rule: "a node that is not Ready is a candidate all the same (E9)",
    sabotage: {
      input: (input) =>
        input.type === "node" && input.node?.ready === false
          ? { ...input, node: { ...input.node, outOfService: true } }
          : input,
    },
    story: records.nobodyReady,
  },
  {
    rule: "whose kernel answers for the address is no candidate (E12)",
    sabotage: {
      input: (input) => (input.type === "arp-ignore" ? { ...input, byInterface: new Map([["eth0", 1]]) } : input),
    },
    story: records.kernelAnswers,
  },
  {
    rule: "no successor without a kube-proxy that answers (E14)",
    sabotage: { input: (input) => (input.type === "proxy" ? undefined : input) },
    story: records.withoutProxy,
  },
  {
    rule: "having no peer and no API silences nobody (E15)",
    sabotage: {
      input: (input) =>
        input.type === "api" ? { type: "own-lease", phase: input.up ? "acting" : "waiting", adopted: false } : input,
    },
    story: records.lonely,
  },
  {
    rule: "an event that goes back behind a known epoch is not acted on (F6)",
    sabotage: {
      state: (state) => {
        const addresses = [...state.addresses].map(([name, one]) => {
          const forgets = one.record !== undefined && one.task.kind === "none";
          return [name, forgets ? { ...one, record: { ...one.record, epoch: 0 } } : one] as const;
        });
        return { ...state, addresses: new Map(addresses as [string, AddressState][]) };
      },
    },
    story: records.laggingServer,
  },
  {
    rule: "a renewal without an answer closes every connection (F7)",
    sabotage: { ignoresPulse: true, effects: withoutDoubt },
    story: records.halfOpen,
  },
  {
    rule: "a resourceVersion that goes back lists everything anew (F7)",
    sabotage: { ignoresPulse: true, effects: withoutDoubt },
    story: records.outlivedRestore,
  },
  {
    rule: "a process that starts holds nothing, whatever the record says (F8)",
    sabotage: {
      input: (input) => (input.type === "own-lease" && input.phase === "acting" ? { ...input, adopted: true } : input),
    },
    story: records.startsReplaced,
  },
  {
    rule: "the new process of a node takes over from the old one (F9)",
    sabotage: { forgetsNext: true },
    story: records.rollingUpdate,
  },
  {
    rule: "a local endpoint that terminates is none to stay for (F12)",
    sabotage: {
      input: (input) => {
        if (input.type !== "endpoints" || input.endpoints === undefined) return input;
        const [four, six] = [input.endpoints[4], input.endpoints[6]];
        const endpoints = { 4: { ...four, ready: four.serving }, 6: { ...six, ready: six.serving } };
        return { ...input, endpoints };
      },
    },
    story: records.lastEndpoint,
  },
  {
    rule: "a young record whose holder was not heard is not judged (E2)",
    sabotage: { times: { youngMs: 0 } },
    story: records.youngRecord,
  },
  {
    rule: "what is deleted is given up (A1)",
    sabotage: {
      input: (input) =>
        input.type === "virtual-ip" && input.vip !== undefined
          ? { ...input, vip: { ...input.vip, meta: { ...input.vip.meta, deletionTimestamp: undefined } } }
          : input,
    },
    story: stories.deleted,
  },
  {
    rule: "an unknown MAC silences nobody (A4)",
    sabotage: {
      input: (input, state) => {
        if (input.type !== "worker" || input.message.type !== "heard") return input;
        return { ...input, message: { ...input.message, mac: macOf(state.node === "n1" ? "n2" : "n1") } };
      },
    },
    story: records.stranger,
  },
  {
    rule: "a stranger is told off once in ten seconds (A4)",
    sabotage: { times: { defendMs: 0 } },
    story: records.stranger,
  },
  {
    rule: "a Lease says what interfaces its node has (E8)",
    sabotage: {
      effects: (effects) =>
        effects.map((effect) => {
          if (effect.type !== "facts") return effect;
          const interfaces = effect.facts.interfaces.map((one) => ({ ...one, carrier: true }));
          return { ...effect, facts: { ...effect.facts, interfaces } };
        }),
    },
    story: records.unplugged,
  },
  { rule: "announcements are paced (W4)", sabotage: { unpaced: true }, story: wide.storm },
];

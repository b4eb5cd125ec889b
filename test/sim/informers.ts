/** The four lists of one speaker (speaker/shell/watches.ts), and what their changes are to its loop. */
import type { ReflectorInput } from "../../lib/kube/reflector-types.ts";
import type { SpeakerLease } from "../../lib/model/speaker-lease.ts";
import { type Random, randomSeed } from "../../lib/runtime/random.ts";
import type { SpeakerInput } from "../../speaker/state.ts";
import type { SimApi } from "./api.ts";
import { SimInformer } from "./informer.ts";
import { KINDS, type Kind, type Objects } from "./store.ts";
import type { Time } from "./timeline.ts";

export interface InformersHooks {
  /** Runs now, or when the process does again. */
  readonly later: (run: () => void) => void;
  readonly runs: () => boolean;
  readonly post: (input: SpeakerInput) => void;
  /** The Lease of the own node. */
  readonly onLease: (lease: SpeakerLease | undefined) => void;
}

export class SimInformers {
  readonly #byKind: { readonly [K in Kind]: SimInformer<K> };

  constructor(node: string, random: Random, api: SimApi, time: Time, hooks: InformersHooks) {
    let unsynced = KINDS.length;
    const onSynced = (): void => {
      unsynced -= 1;
      if (unsynced === 0) hooks.post({ type: "synced" });
    };
    const informer = <K extends Kind>(
      kind: K,
      onChange: (key: string, value: Objects[K] | undefined) => void,
    ): SimInformer<K> => {
      const one: SimInformer<K> = new SimInformer({ node, kind, seed: randomSeed(random) }, api, time, {
        later: hooks.later,
        runs: hooks.runs,
        onChange: (key) => onChange(key, one.get(key)),
        onSynced,
      });
      return one;
    };
    this.#byKind = {
      vips: informer("vips", (name, vip) => hooks.post({ type: "virtual-ip", name, vip })),
      leases: informer("leases", (of, lease) => {
        hooks.post({
          type: "lease",
          input: lease === undefined ? { type: "gone", node: of } : { type: "lease", lease },
        });
        if (of === node) hooks.onLease(lease);
      }),
      nodes: informer("nodes", (name, one) => hooks.post({ type: "node", name, node: one })),
      endpoints: informer("endpoints", (service, endpoints) => hooks.post({ type: "endpoints", service, endpoints })),
    };
  }

  input(input: ReflectorInput): void {
    for (const kind of KINDS) this.#byKind[kind].input(input);
  }

  doubt(all: boolean): void {
    for (const kind of KINDS) if (all || kind === "leases") this.#byKind[kind].input({ type: "doubt" });
  }

  closeConnections(): void {
    for (const kind of KINDS) this.#byKind[kind].closeConnections();
  }

  stop(): void {
    for (const kind of KINDS) this.#byKind[kind].stop();
  }
}

/** What etcd is to the API server: every change under a revision of its own, and a way back to an earlier one. */
import type { SpeakerLease } from "../../lib/model/speaker-lease.ts";
import type { VirtualIP } from "../../lib/model/virtual-ip.ts";
import type { NodeObjectFacts } from "../../speaker/candidates.ts";
import type { ServiceEndpoints } from "../../speaker/desired.ts";

/** The four lists that a speaker watches. */
export interface Objects {
  readonly vips: VirtualIP;
  readonly leases: SpeakerLease;
  readonly nodes: NodeObjectFacts;
  readonly endpoints: ServiceEndpoints;
}

export type Kind = keyof Objects;
export const KINDS: readonly Kind[] = ["vips", "leases", "nodes", "endpoints"];

/** One change; undefined for an object that was deleted. */
export interface Change {
  readonly revision: number;
  readonly atMs: number;
  readonly kind: Kind;
  readonly key: string;
  readonly value: Objects[Kind] | undefined;
}

type Tables = { readonly [K in Kind]: Map<string, Objects[K]> };

export class SimStore {
  readonly tables: Tables = { vips: new Map(), leases: new Map(), nodes: new Map(), endpoints: new Map() };
  /** How often a Node or endpoints were changed. */
  decisions = 0;
  #revision = 1;
  /** Everything since the beginning of the run; a run is short. */
  #log: Change[] = [];
  /** By kind and key, the revision of the present state. */
  readonly #versions = new Map<string, number>();

  get revision(): number {
    return this.#revision;
  }

  /** The revision that the next change will have. */
  get next(): number {
    return this.#revision + 1;
  }

  commit<K extends Kind>(kind: K, key: string, value: Objects[K] | undefined, atMs: number): Change {
    this.#revision += 1;
    if (kind === "nodes" || kind === "endpoints") this.decisions += 1;
    const change: Change = { revision: this.#revision, atMs, kind, key, value };
    this.#log.push(change);
    this.#apply(change);
    return change;
  }

  version(kind: Kind, key: string): number {
    return this.#versions.get(`${kind} ${key}`) ?? 0;
  }

  /** The changes of a list after a revision, in their order. */
  since(kind: Kind, revision: number): readonly Change[] {
    return this.#log.filter((change) => change.kind === kind && change.revision > revision);
  }

  /** The list as it was at a revision: the last change of each object that was still there. */
  at(kind: Kind, revision: number): readonly Change[] {
    const found = new Map<string, Change>();
    for (const change of this.#log) {
      if (change.revision > revision) break;
      if (change.kind !== kind) continue;
      if (change.value === undefined) found.delete(change.key);
      else found.set(change.key, change);
    }
    return [...found.values()];
  }

  /** The last revision that there was at that time. */
  revisionAt(atMs: number): number {
    return this.#log.findLast((change) => change.atMs <= atMs)?.revision ?? 1;
  }

  /** A backup is restored: everything since is as if it had never been, and its revisions are given a second time. */
  rollBack(revision: number): void {
    this.#log = this.#log.filter((change) => change.revision <= revision);
    this.#revision = revision;
    this.#versions.clear();
    for (const table of Object.values(this.tables)) table.clear();
    for (const change of this.#log) this.#apply(change);
  }

  #apply({ kind, key, value, revision }: Change): void {
    const table: Map<string, unknown> = this.tables[kind];
    if (value === undefined) table.delete(key);
    else table.set(key, value);
    this.#versions.set(`${kind} ${key}`, revision);
  }
}

/**
 * The cache as this process may believe it: what it has just written itself counts until the watch delivers it, else
 * every write would be followed by a decision from before it.
 */
import { compareResourceVersions } from "../lib/kube/resource-version.ts";

export interface Versioned {
  readonly meta: { readonly resourceVersion: string };
}

interface Assumed<T> {
  /** undefined: the object is gone. */
  readonly object: T | undefined;
  /** resourceVersion of the cached object at the time, undefined if there was none: another one in the cache is newer, unless it says that it is older. */
  readonly basedOn: string | undefined;
  readonly sinceMs: number;
}

/** An object that was made and removed while no watch ran never shows in the cache: then the assumption ends by age. */
export const ASSUMED_MS = 30_000;

export interface View<T extends Versioned> {
  get(key: string): T | undefined;
  /** The cache has just brought what was assumed, and nothing else. */
  confirmed(key: string): boolean;
  /** Takes the outcome of an own write or read for true. */
  assume(key: string, object: T | undefined, now: number): void;
  /** Ends what is too old; the keys whose object may have changed by that. */
  expire(now: number): readonly string[];
  clear(): void;
}

function isOlder(cached: Versioned | undefined, own: Versioned | undefined): boolean {
  if (cached === undefined || own === undefined) return false;
  return compareResourceVersions(cached.meta.resourceVersion, own.meta.resourceVersion) === "lower";
}

/** BOUNDED: an assumption lives 30 s at the most, and there is one per object written. */
export function createView<T extends Versioned>(cached: (key: string) => T | undefined): View<T> {
  const assumed = new Map<string, Assumed<T>>();
  return {
    get(key) {
      const own = assumed.get(key);
      const object = cached(key);
      if (own === undefined) return object;
      if (own.basedOn === object?.meta.resourceVersion) return own.object;
      if (isOlder(object, own.object)) {
        // The watch brings what somebody wrote before this process did.
        assumed.set(key, { ...own, basedOn: object?.meta.resourceVersion });
        return own.object;
      }
      assumed.delete(key);
      return object;
    },
    confirmed(key) {
      const own = assumed.get(key)?.object;
      return own !== undefined && own.meta.resourceVersion === cached(key)?.meta.resourceVersion;
    },
    assume(key, object, now) {
      // The watch was faster than the answer.
      if (object !== undefined && cached(key)?.meta.resourceVersion === object.meta.resourceVersion)
        assumed.delete(key);
      else assumed.set(key, { object, basedOn: cached(key)?.meta.resourceVersion, sinceMs: now });
    },
    expire(now) {
      const old = [...assumed].filter(([, own]) => now - own.sinceMs >= ASSUMED_MS).map(([key]) => key);
      for (const key of old) assumed.delete(key);
      return old;
    },
    clear: () => assumed.clear(),
  };
}

/** Which interfaces have no sockets, told when that changes. */
import type { FromWorker } from "./messages.ts";

export class Failures {
  /** Message by interface. BOUNDED by the links of the node. */
  #now: ReadonlyMap<string, string> = new Map();

  get any(): boolean {
    return this.#now.size > 0;
  }

  /** What to tell the main thread now that these have failed. */
  change(failures: readonly { readonly name: string; readonly message: string }[]): readonly FromWorker[] {
    const before = this.#now;
    this.#now = new Map(failures.map(({ name, message }) => [name, message]));
    const told: FromWorker[] = failures
      .filter(({ name, message }) => before.get(name) !== message)
      .map(({ name, message }) => ({ type: "failed", message: `${name}: ${message}`, fatal: false }));
    if (before.size > 0 && this.#now.size === 0) told.push({ type: "mended" });
    return told;
  }
}

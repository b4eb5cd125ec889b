/** That no address of a Service becomes another one in a wild run without a reason. */
import { expect } from "@jest/globals";
import type { Service } from "../../lib/model/service.ts";
import type { VirtualIP } from "../../lib/model/virtual-ip.ts";
import { isOurs, ownIngress, RECENT_STEPS, saysOf, vips, type Wild } from "./wild-store.ts";

export class Moves {
  readonly #wild: Wild;
  /** What each Service (by uid) has published last, by family. */
  readonly #published = new Map<string, Map<number, string>>();
  /** By `uid family`. */
  readonly #count = new Map<string, number>();
  /** `uid address`, with the last step at which a foreign host may still move the Service from it. BOUNDED by the run. */
  readonly #fled = new Map<string, number>();

  constructor(wild: Wild) {
    this.#wild = wild;
  }

  /** The store went back: a wish that was fulfilled before may be fulfilled again. */
  forget(): void {
    this.#published.clear();
    this.#count.clear();
    for (const vip of vips(this.#wild)) this.noteConflict(vip);
  }

  /**
   * A foreign host on an address that was never announced moves its Services. Once it is announced only a pass that has not heard of that
   * may do so.
   */
  noteConflict(vip: VirtualIP): void {
    const isUsed = vip.conditions.some(({ type, status }) => type === "Conflict" && status === "True");
    const isNew = vip.holder === undefined && vip.inUseBefore !== true;
    for (const { uid } of vip.services) {
      const key = `${uid} ${vip.address}`;
      if (isUsed && isNew) this.#fled.set(key, Number.POSITIVE_INFINITY);
      else if (this.#fled.get(key) === Number.POSITIVE_INFINITY) this.#fled.set(key, this.#wild.steps + RECENT_STEPS);
    }
  }

  /** While a Service stays a LoadBalancer of its families, its address becomes another one only by a wish or a foreign host. */
  check(service: Service): void {
    const { uid, name } = service.meta;
    const before = this.#published.get(uid) ?? new Map<number, string>();
    this.#published.set(uid, before);
    if (!isOurs(service) || service.meta.deletionTimestamp !== undefined) before.clear();
    for (const family of before.keys())
      if (!service.ipFamilies.includes(`IPv${family === 6 ? 6 : 4}`)) before.delete(family);
    // Both or none: what is withheld is given back.
    if (service.ipFamilyPolicy === "RequireDualStack" && saysOf(service)?.status === "False") before.clear();
    for (const ip of ownIngress(service)) {
      const family = ip.includes(":") ? 6 : 4;
      const key = `${uid} ${family}`;
      const last = before.get(family);
      const isFled = (this.#fled.get(`${uid} ${last}`) ?? Number.NEGATIVE_INFINITY) >= this.#wild.steps;
      if (last !== undefined && last !== ip && !isFled) this.#count.set(key, (this.#count.get(key) ?? 0) + 1);
      before.set(family, ip);
      const excess = Math.max(0, (this.#count.get(key) ?? 0) - (this.#wild.wishes.get(key) ?? 0));
      if (excess > 0) expect({ service: name, last, ip, excess }).toEqual({ service: name, last, ip, excess: 0 });
    }
  }
}

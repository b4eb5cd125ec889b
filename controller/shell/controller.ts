/** The shell around the plans: takes one key of the queue at a time, decides from the books, and executes. */
import { virtualIpName } from "../../lib/address/ip.ts";
import type { KubeApi } from "../../lib/kube/api.ts";
import type { Outcome } from "../../lib/kube/loop.ts";
import { serviceKey } from "../../lib/model/service.ts";
import type { VirtualIP } from "../../lib/model/virtual-ip.ts";
import type { Clock } from "../../lib/runtime/clock.ts";
import { assertNever, BerthError } from "../../lib/runtime/errors.ts";
import type { Logger } from "../../lib/runtime/log.ts";
import type { Warning } from "../events.ts";
import { HOLDER_CHECK_MS, judgeHeld, ORPHAN_MS } from "../held.ts";
import { claimantsOf, isClaimedBesides, reserve, unreserve } from "../ledger.ts";
import * as metrics from "../metrics.ts";
import { isOurs, isRepair, planService } from "../plan.ts";
import { isMoving } from "../pool-source.ts";
import { isNobodys, remainingMs } from "../quarantine.ts";
import { noLongerComing, noteComing } from "../quota-use.ts";
import { planVipCondition } from "../vip-condition.ts";
import { ipOfName } from "../vip-names.ts";
import { WaitingRoom } from "../waiting-room.ts";
import { Books, type BooksDeps } from "./books.ts";
import { creations, type ExecutorDeps, execute } from "./executor.ts";
import { createHolders, type Holders } from "./holders.ts";
import { PoolWriter } from "./pool-writer.ts";
import { deleteVip, letVipGo, markVip, writeVipCondition } from "./writes.ts";

export interface ControllerDeps extends BooksDeps {
  readonly api: KubeApi;
  readonly clock: Clock;
  /** Asked before every write. */
  isLeader(): boolean;
  warn(warning: Warning): void;
  readonly log: Logger;
  /** Whether Services without loadBalancerClass are Berth's. */
  readonly classLess: boolean;
  /** Where the speakers' Leases are. */
  readonly namespace: string;
}

/** The wall clock may be set in between, so a long quarantine is looked at again now and then. */
const QUARANTINE_LOOK_MS = 600_000;
const DONE: Outcome = { type: "done" };
/** A status that another controller goes on overwriting is set right at most this often, so that no write storm comes of it. */
const REPAIR_PERIOD_MS = 1_000;

export class Controller {
  readonly #deps: ControllerDeps;
  readonly #books: Books;
  readonly #holders: Holders;
  readonly #poolWriter: PoolWriter;
  /** But for what belongs to one pass. */
  readonly #executor: Omit<ExecutorDeps, "isOutdated">;
  readonly #waiting = new WaitingRoom();
  /** When the status of a Service was last set right. BOUNDED: forgotten by the sweep. */
  readonly #repaired = new Map<string, number>();
  /** Since when VirtualIPs name no Service, by name. BOUNDED by the VirtualIPs. */
  readonly #orphans = new Map<string, number>();
  #active = false;
  /** So many times the API server's store went back. */
  #rollbacks = 0;

  constructor(deps: ControllerDeps) {
    this.#deps = deps;
    this.#poolWriter = new PoolWriter(deps);
    const enqueue = (key: string): void => {
      if (!this.#poolWriter.isQueued(key, this.#books)) deps.enqueue(key);
    };
    this.#books = new Books({ ...deps, enqueue }, (name) => this.#waiting.asking(name));
    this.#holders = createHolders(deps.api, deps.namespace, deps.clock);
    this.#executor = {
      api: deps.api,
      nowText: () => this.#nowText(),
      isLeader: () => this.#active && deps.isLeader(),
      saw: (seen) => this.#books.saw(seen, deps.clock.monotonicMs()),
      warn: ({ meta }, reason, message) =>
        deps.warn({ kind: "Service", apiVersion: "v1", meta, reason, action: "AssignAddress", message }),
    };
  }

  /** Call it on becoming leader, once the caches are complete: nothing is given before every use is known. */
  begin(): void {
    this.#active = true;
    this.#books.open();
  }

  /** No longer the leader: everything is forgotten but the caches, which are not of this object, and the pools. */
  end(): void {
    this.#active = false;
    this.#books.close();
    this.#waiting.clear();
    metrics.waiting.set({}, 0);
    this.#orphans.clear();
    this.#poolWriter.clear();
  }

  onService(key: string): void {
    if (this.#active) this.#books.onService(key);
  }

  onVip(name: string): void {
    if (this.#active) this.#books.onVip(name);
  }

  onPool(name: string): void {
    if (this.#active) this.#books.onPool(name);
    else this.#books.rememberPool(name);
  }

  onNamespace(name: string): void {
    if (this.#active) this.#books.onNamespace(name);
  }

  onNode(name: string): void {
    if (this.#active) this.#books.onNode(name);
  }

  onLease(key: string): void {
    if (this.#active) this.#books.onLease(key);
  }

  /** The API server's store went back: what this process has written may not be there any more. */
  rolledBack(): void {
    this.#rollbacks += 1;
    if (this.#active) this.#books.sweep(Number.POSITIVE_INFINITY);
  }

  /** Housekeeping; call it every ten seconds. */
  sweep(): void {
    const now = this.#deps.clock.monotonicMs();
    this.#holders.expire(now);
    for (const [key, at] of this.#repaired) if (now - at >= REPAIR_PERIOD_MS) this.#repaired.delete(key);
    if (this.#active) this.#books.sweep(now);
  }

  async reconcile(key: string): Promise<Outcome> {
    if (!this.#executor.isLeader()) return DONE;
    const at = key.indexOf(":");
    const name = key.slice(at + 1);
    switch (key.slice(0, Math.max(at, 0))) {
      case "service":
        return this.#reconcileService(name);
      case "vip":
        return this.#reconcileVip(name);
      case "pool":
        return this.#poolWriter.reconcile(name, this.#books.world(), this.#nowText());
      case "freed":
        return this.#wake(this.#waiting.wake());
      default:
        return this.#wake(this.#waiting.all());
    }
  }

  #wake(keys: readonly string[]): Outcome {
    for (const key of keys) this.#deps.enqueue(`service:${key}`);
    return DONE;
  }

  async #reconcileService(key: string): Promise<Outcome> {
    const started = this.#deps.clock.monotonicMs();
    const world = this.#books.world();
    const { ledger } = world;
    const service = this.#books.services.get(key);
    const wallMs = this.#deps.clock.wallMs();
    const plan = planService({ key, service, world, classLess: this.#deps.classLess, wallMs });
    metrics.passes.inc({ outcome: plan.outcome });
    const { kind = "", asks = [] } = plan;
    const waited = this.#waiting.size;
    const waiting = plan.waiting ? { key, since: service?.meta.creationTimestamp ?? "", kind, asks } : undefined;
    for (const name of this.#waiting.note(key, waiting)) {
      // Who has that address and asks for one too may be told of the way out of waiting for each other.
      const users = (ledger.vips.get(name)?.services ?? []).map(serviceKey);
      this.#wake(users.filter((one) => one !== key && this.#waiting.isAsking(one)));
    }
    this.#wake(this.#waiting.looked(key, plan.waiting && plan.effects.length === 0));
    if (waited !== this.#waiting.size) metrics.waiting.set({}, this.#waiting.size);
    if (plan.effects.length === 0) return DONE;
    if (service !== undefined && isRepair(service, plan)) {
      const due = (this.#repaired.get(key) ?? Number.NEGATIVE_INFINITY) + REPAIR_PERIOD_MS;
      if (started < due) return { type: "requeue", afterMs: due - started };
      this.#repaired.set(key, started);
    }
    // Between this line and the first call nothing else runs, so no other pass can choose the same address or the last of a quota.
    const reserved = creations(plan.effects);
    for (const { ip, sharingKey } of reserved) reserve(ledger, ip, key, sharingKey);
    noteComing(ledger, key, plan.effects);
    try {
      const end = await execute(this.#passDeps(), key, service, plan.effects);
      return end === "again" ? { type: "retry", error: new BerthError("conflict", `${key} has changed`) } : DONE;
    } finally {
      for (const { ip } of reserved) this.#books.countAgain(virtualIpName(ip));
      const freed = reserved.map(({ ip }) => unreserve(ledger, ip)).includes(true);
      const isAwaited = reserved.some(({ ip, sharingKey }) => sharingKey !== "" || isClaimedBesides(ledger, ip, key));
      const hasRoom = noLongerComing(ledger, key);
      if (freed || isAwaited || hasRoom) this.#deps.enqueue("freed");
      metrics.passSeconds.observe({}, (this.#deps.clock.monotonicMs() - started) / 1000);
    }
  }

  /** For one pass. An answer that was on its way when the store went back tells of what may never have been. */
  #passDeps(): ExecutorDeps {
    const before = this.#rollbacks;
    const isOutdated = () => this.#rollbacks !== before;
    const saw: ExecutorDeps["saw"] = (seen) => {
      if (!isOutdated()) this.#executor.saw(seen);
    };
    return { ...this.#executor, isOutdated, saw };
  }

  async #reconcileVip(name: string): Promise<Outcome> {
    const vip = this.#books.vips.get(name);
    const verdict = vip === undefined ? undefined : judgeHeld(vip);
    if (verdict?.type !== "orphan") this.#orphans.delete(name);
    if (vip === undefined || verdict === undefined) return DONE;
    switch (verdict.type) {
      case "nothing":
        return vip.meta.deletionTimestamp === undefined ? this.#tell(vip) : DONE;
      case "mark":
        return this.#unlessChanged(markVip(this.#deps.api, vip));
      case "orphan":
        return this.#collect(vip);
      case "quarantined": {
        const { ledger, pools } = this.#books.world();
        const restMs = remainingMs(verdict.quarantine, this.#deps.clock.wallMs());
        const pool = pools.get(vip.pool)?.pool;
        // Excluded since, as the condition of the pool advises: nobody gets it anyway.
        const isOut = isNobodys(ledger, vip);
        if (restMs === 0 || isOut || pool === undefined || pool.meta.deletionTimestamp !== undefined) {
          return this.#unlessChanged(deleteVip(this.#deps.api, vip.meta));
        }
        return { type: "requeue", afterMs: Math.min(restMs, QUARANTINE_LOOK_MS) };
      }
      case "let-go":
        return this.#letGo(vip, "released");
      case "ask": {
        const finding = await this.#holders.look(verdict.node, this.#deps.clock.monotonicMs());
        return finding === "holding" ? { type: "requeue", afterMs: HOLDER_CHECK_MS } : this.#letGo(vip, finding);
      }
      default:
        return assertNever(verdict);
    }
  }

  async #tell(vip: VirtualIP): Promise<Outcome> {
    const { ledger } = this.#books.world();
    const claim = planVipCondition(vip, ledger);
    if (claim === undefined) return DONE;
    // It would not be true any more in a moment. Should the move not come about, the next look says it.
    const moves = isMoving(vip, (key) => this.#books.services.get(key), ledger);
    if (moves) return { type: "requeue", afterMs: HOLDER_CHECK_MS };
    await this.#unlessChanged(writeVipCondition(this.#deps.api, vip, claim, this.#nowText()));
    return DONE;
  }

  /** Somebody who has published the address is named in it again by his own pass; without such a one it goes after a while. */
  async #collect(vip: VirtualIP): Promise<Outcome> {
    const { name } = vip.meta;
    const ip = ipOfName(name);
    const listed = ip === undefined ? [] : claimantsOf(this.#books.ledger, ip);
    const services = listed.flatMap(({ key }) => this.#books.services.get(key) ?? []);
    // One of another class has the address from elsewhere and is never named in it.
    const claims = services.filter((service) => isOurs(service, this.#deps.classLess));
    for (const { meta } of claims) this.#deps.enqueue(`service:${serviceKey(meta)}`);
    const now = this.#deps.clock.monotonicMs();
    const since = claims.length > 0 ? now : (this.#orphans.get(name) ?? now);
    this.#orphans.set(name, since);
    if (now - since < ORPHAN_MS) return { type: "requeue", afterMs: since + ORPHAN_MS - now };
    this.#orphans.delete(name);
    this.#deps.log.info({ address: vip.address }, "a VirtualIP without Services is removed");
    return this.#unlessChanged(deleteVip(this.#deps.api, vip.meta));
  }

  /** Another version meanwhile: the watch brings it, and with it the next look. */
  async #unlessChanged(write: Promise<void>): Promise<Outcome> {
    try {
      await write;
    } catch (thrown) {
      if (BerthError.from(thrown).code !== "conflict") throw thrown;
      return { type: "requeue", afterMs: HOLDER_CHECK_MS };
    }
    return DONE;
  }

  async #letGo(vip: VirtualIP, because: "released" | "node-gone" | "lease-expired"): Promise<Outcome> {
    if (!this.#executor.isLeader()) return DONE;
    try {
      await letVipGo(this.#deps.api, vip);
    } catch (thrown) {
      // Somebody wrote to it meanwhile; the watch brings what, and this look comes again in any case.
      if (BerthError.from(thrown).code !== "conflict") throw thrown;
      return { type: "requeue", afterMs: HOLDER_CHECK_MS };
    }
    metrics.released.inc({ because });
    this.#deps.log.info({ address: vip.address, because, holder: vip.holder?.node ?? "" }, "address released");
    return DONE;
  }

  #nowText(): string {
    return new Date(this.#deps.clock.wallMs()).toISOString();
  }
}

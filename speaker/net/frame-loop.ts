/**
 * The loop of the frame worker. It owns the sockets and the state of the pure machines, and turns like this:
 *
 *     poll (at most 50 ms) → fence → links → messages → frames → timers → send
 *
 * The fence is asked first, before anything that was queued meanwhile is looked at. The detector (watching.ts) comes between
 * frames and timers: it must see every answer that has arrived before it judges one as missing.
 */
import { type MessagePort, receiveMessageOnPort } from "node:worker_threads";
import { assertNever } from "../../lib/runtime/errors.ts";
import type { Announced } from "../announcer.ts";
import type { ProbeAnswer } from "../prober.ts";
import type { Heard } from "../responder.ts";
import { Announcements } from "./announcements.ts";
import { Counters } from "./counters.ts";
import { Failures } from "./failures.ts";
import {
  createFence,
  type FenceEffect,
  type FenceInput,
  isAnswering,
  isInTime,
  isPlainTurn,
  stepFence,
} from "./fence.ts";
import { GroupMembership } from "./groups.ts";
import { HeldNews } from "./held-news.ts";
import { Inbox } from "./inbox.ts";
import { bootMs } from "./libc.ts";
import type { FromWorker, Link, ToWorker } from "./messages.ts";
import { Poller } from "./poller.ts";
import { Redirects } from "./redirects.ts";
import { Rtnetlink } from "./rtnetlink.ts";
import { type Probed, Sender } from "./sender.ts";
import { SiblingNews } from "./siblings.ts";
import { HeldTable } from "./table.ts";
import { Watching } from "./watching.ts";
import { type Reading, type Station, Wire } from "./wire.ts";

const POLL_MS_MAX = 50;
/** Messages taken in one turn; more of them wait for the next. */
const MESSAGES_PER_TURN = 4096;
const HOUSEKEEPING_MS = 1000;
const TURN: FenceInput = { type: "turn" };

export class FrameLoop {
  readonly #port: MessagePort;
  readonly #counters = new Counters();
  readonly #wire = new Wire(this.#counters);
  readonly #sender = new Sender(this.#wire, (probed) => this.#probed(probed));
  readonly #watching = new Watching(this.#wire, this.#counters, (message) => this.#post(message));
  readonly #siblings = new SiblingNews(this.#wire, (message) => this.#post(message));
  readonly #redirects = new Redirects(this.#wire, this.#counters);
  readonly #announcements = new Announcements(this.#counters);
  readonly #groups = new GroupMembership(this.#wire, this.#counters);
  readonly #links = new Rtnetlink();
  readonly #poller = new Poller();
  readonly #table = new HeldTable();
  #knownLinks: readonly Link[] = [];
  #fence = createFence(bootMs());
  /** The `loopAt` of the fence, kept here so that a turn in which nothing happens makes no new state. */
  #turnedAt = this.#fence.loopAt;
  readonly #heldNews = new HeldNews(this.#table, (message) => this.#post(message));
  /** Gathered while frames are read, given to the prober in one step. BOUNDED by the frames of one turn. */
  #answers: ProbeAnswer[] = [];
  readonly #failures = new Failures();
  #now = bootMs();
  #wakeAt = 0;
  #tidyAt = 0;
  #stopping = false;
  readonly #isHeld = (entry: Announced): boolean => this.#table.isHeld(entry.address, entry.interface);
  readonly #nextMessage = () => (receiveMessageOnPort(this.#port) as { message: ToWorker } | undefined)?.message;
  readonly #reading: Reading = {
    index: () => this.#table.index,
    isAnswering: () => isAnswering(this.#fence),
    isInTime: () => isInTime(this.#turnedAt, bootMs()),
    heard: (station, heard) => this.#heard(station, heard),
    sibling: (station, from) => this.#siblings.heard(station.name, from, this.#now),
    queried: (station, bytes, at, end) => this.#groups.queried(station, bytes, at, end, this.#now),
    alarmed: (station, asked) => this.#watching.alarmed({ ...asked, interface: station.name }),
  };
  readonly #post = (message: FromWorker): void => this.#port.postMessage(message);

  constructor(port: MessagePort) {
    this.#port = port;
  }

  /** Runs until `stop`. Never yields to the event loop of the thread, and posting does not need it to. */
  run(): void {
    this.#watchSockets();
    this.#post({ type: "ready", wakeFd: this.#poller.wakeFd });
    try {
      while (!this.#stopping) this.#turn();
    } finally {
      this.#redirects.close();
      this.#groups.close(this.#now);
      this.#wire.close();
      this.#links.close();
      this.#port.close();
    }
  }

  #turn(): void {
    this.#poller.wait(Math.ceil(Math.min(POLL_MS_MAX, Math.max(0, this.#wakeAt - bootMs()))));
    this.#now = bootMs();
    if (isPlainTurn(this.#fence, this.#turnedAt, this.#now)) this.#turnedAt = this.#now;
    else this.#stepFence(TURN);
    if (this.#poller.isReady(this.#links.fd)) this.#readLinks();
    if (this.#poller.wasWoken()) this.#readMessages();
    if (this.#stopping) return;
    const more = this.#readFrames();
    this.#timers(!more);
    if (more) this.#wakeAt = this.#now;
  }

  #stepFence(input: FenceInput): void {
    const { state, effects } = stepFence({ ...this.#fence, loopAt: this.#turnedAt }, input, this.#now);
    this.#fence = state;
    this.#turnedAt = state.loopAt;
    for (const effect of effects) this.#onFence(effect);
  }

  #onFence(effect: FenceEffect): void {
    switch (effect.type) {
      case "drain":
        this.#readGap();
        return;
      case "lost":
        this.#post({ type: "lost", loss: this.#table.lose(effect.addresses), addresses: effect.addresses });
        return;
      case "fenced":
        this.#sender.silence(this.#now);
        this.#watching.gap(this.#now);
        // Frames are missing, perhaps the answers to our questions too.
        if (effect.reason !== "main-silent") this.#sender.failProbes(this.#now);
        this.#post(effect);
        return;
      default:
        assertNever(effect);
    }
  }

  /** What was queued while the process did not run says who took our addresses meanwhile. Nothing of it is answered. */
  #readGap(): void {
    this.#counters.add("gaps");
    this.#sender.silence(this.#now);
    this.#heldNews.beginGap();
    this.#wire.readEvidence(this.#reading);
    const announced = this.#heldNews.endGap();
    const dropped = this.#wire.takeDrops();
    this.#now = bootMs();
    this.#framesLost();
    this.#stepFence({ type: "drained", dropped, announced });
  }

  #framesLost(): void {
    this.#watching.gap(this.#now);
    this.#groups.missed(this.#now);
  }

  #readLinks(): void {
    const links = this.#links.drain();
    if (links === undefined) return;
    this.#knownLinks = links;
    this.#siblings.forget();
    this.#reconcile();
    this.#post({ type: "links", links });
  }

  #readMessages(): void {
    const inbox = Inbox.gather(this.#nextMessage, MESSAGES_PER_TURN);
    if (inbox === undefined) return;
    this.#stepFence({ type: "signed" });
    this.#heldNews.answered();
    for (const fence of inbox.resumed) this.#stepFence({ type: "resume", fence });
    this.#stopping = inbox.stop;
    if (inbox.listen !== undefined) this.#table.listen(inbox.listen.interfaces, inbox.listen.addresses);
    if (inbox.table !== undefined) {
      this.#table.replace(inbox.table);
      this.#heldNews.follow(inbox.table.entries, this.#now);
    }
    if (inbox.watch !== undefined) {
      this.#watching.follow(inbox.watch.plan, this.#now);
      this.#table.recognise(this.#watching.addresses, this.#watching.peers);
    }
    if (inbox.listen !== undefined || inbox.table !== undefined) this.#reconcile();
    for (const generation of inbox.generations) this.#post({ type: "applied", generation });
    this.#announce(inbox.announced);
    if (inbox.probes.length > 0) {
      this.#table.probe(inbox.probes);
      this.#groups.want(this.#table.groupKeys(this.#wire), this.#now);
      this.#groups.step(this.#now, inbox.probes.length);
      this.#sender.probe(inbox.probes, this.#now);
    }
  }

  #announce(announced: readonly Announced[]): void {
    if (announced.length === 0) return;
    if (!isAnswering(this.#fence)) {
      this.#counters.add("announce-fenced", announced.length);
      return;
    }
    const entries = announced.filter(this.#isHeld);
    const refused = announced.length - entries.length;
    if (refused > 0) this.#counters.add("announce-not-held", refused);
    this.#sender.announce(entries, this.#now);
    if (this.#redirects.watch(entries, this.#now)) this.#watchSockets();
  }

  /** After a change of links or table: sockets, groups, pending rounds. */
  #reconcile(): void {
    const { failures, renewed } = this.#wire.reconcile(this.#knownLinks, this.#table.interfaces());
    for (const message of this.#failures.change(failures)) this.#post(message);
    for (const text of this.#table.takeInvalid())
      this.#post({ type: "failed", message: `no address: ${text}`, fatal: false });
    this.#groups.follow(this.#knownLinks, this.#links.rejoins, this.#now);
    this.#groups.want(this.#table.groupKeys(this.#wire), this.#now);
    for (const station of renewed) this.#greet(station);
    this.#sender.keep(this.#isHeld, this.#now);
    this.#watchSockets();
  }

  /** The interface was made anew, so quickly that nothing else tells of it: switches and clients may have forgotten. */
  #greet({ name, index }: Station): void {
    this.#groups.renew(index, this.#now);
    this.#announce(this.#table.heldOn(name));
  }

  #watchSockets(): void {
    const own = this.#wire.stations().flatMap(({ arp, nd }) => [arp.fd, nd.fd]);
    this.#poller.watch([this.#links.fd, ...this.#redirects.fds, ...own]);
  }

  /** True when a socket may have more than was read in this turn. */
  #readFrames(): boolean {
    if (!this.#poller.anyReady()) return false;
    this.#redirects.correct(isAnswering(this.#fence) ? this.#table.index : undefined, this.#poller);
    let more = false;
    for (const station of this.#wire.stations()) {
      if (this.#poller.isReady(station.arp.fd)) more = this.#wire.answer(station, station.arp, this.#reading) || more;
      if (this.#poller.isReady(station.nd.fd)) more = this.#wire.answer(station, station.nd, this.#reading) || more;
    }
    return more;
  }

  #heard(station: Station, heard: Heard): void {
    const { known, mac, how, toQuestion } = heard;
    if (this.#wire.isOwn(mac)) {
      this.#counters.add("own-frame");
      return;
    }
    const { address } = known;
    const said = { address, interface: station.name, mac };
    if (how !== "probe") this.#answers.push({ ...said, toQuestion });
    if (how === "answer") this.#watching.answered(said);
    const isHeld = known.interfaces.length > 0;
    const isPeer = this.#watching.isPeer(mac);
    if (how === "announcement" && known.told && !isHeld) this.#announcements.add(said, isPeer, this.#now);
    if (!isHeld) return;
    this.#counters.add("heard");
    if (!this.#heldNews.heard(said, how, isPeer, this.#now)) this.#counters.add("heard-not-told");
  }

  /** What was announced is told before what the detector concludes. */
  #timers(isDrained: boolean): void {
    const announced = this.#announcements.take();
    if (announced.length > 0) this.#post({ type: "announced", entries: announced });
    if (this.#answers.length > 0) {
      this.#sender.answers(this.#answers, this.#now);
      this.#answers = [];
    }
    if (this.#heldNews.tick(this.#now)) this.#sender.keep(this.#isHeld, this.#now);
    const watchingAt = this.#watching.tick(this.#now, isDrained && isAnswering(this.#fence));
    const senderAt = this.#sender.tick(this.#now);
    if (this.#now >= this.#groups.dueAt) this.#groups.step(this.#now);
    this.#wakeAt = Math.min(this.#now + POLL_MS_MAX, senderAt, this.#groups.dueAt, watchingAt, this.#heldNews.wakeAt);
    if (this.#now >= this.#tidyAt) this.#tidy();
  }

  /** Once a second: what may be late. */
  #tidy(): void {
    this.#tidyAt = this.#now + HOUSEKEEPING_MS;
    this.#post({ type: "turning" });
    if (this.#wire.takeDrops() > 0) this.#framesLost();
    if (this.#redirects.tidy(this.#now)) this.#watchSockets();
    if (this.#failures.any) this.#reconcile();
    if (this.#table.tidy(this.#now)) this.#groups.want(this.#table.groupKeys(this.#wire), this.#now);
    const counters = this.#counters.take(this.#now);
    if (counters !== undefined) this.#post({ type: "counters", counters, senders: this.#wire.offenders.macs });
  }

  #probed(probed: Probed): void {
    this.#table.forgetProbe(probed.id, this.#now);
    this.#post(probed);
  }
}

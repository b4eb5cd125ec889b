/** poll(2) over the sockets of the worker and the eventfd by which the main thread ends a poll early. */
import { check, EINTR, errno, libc, POLLERR, POLLIN, SOCK_CLOEXEC, SOCK_NONBLOCK } from "./libc.ts";

const POLLFD_BYTES = 8;
/** Messages are looked for at least this often: before FramePort knows the eventfd, nothing else would tell of them. */
const LOOK_EVERY_TURNS = 16;

export class Poller {
  readonly wakeFd: number;
  readonly #counter = new Uint8Array(new ArrayBuffer(8));
  #memory = new Uint8Array(new ArrayBuffer(POLLFD_BYTES));
  #view = new DataView(this.#memory.buffer);
  /** Place of each descriptor in the array. */
  #places: ReadonlyMap<number, number> = new Map();
  #ready = 0;
  #turns = 0;

  constructor() {
    this.wakeFd = check("eventfd", libc.eventfd(0, SOCK_NONBLOCK | SOCK_CLOEXEC));
  }

  /** The descriptors to wait for from now on, beside the eventfd. Until the next `wait` none of them is ready. */
  watch(fds: readonly number[]): void {
    const all = [this.wakeFd, ...fds];
    this.#memory = new Uint8Array(new ArrayBuffer(POLLFD_BYTES * all.length));
    this.#view = new DataView(this.#memory.buffer);
    all.forEach((fd, place) => {
      this.#view.setInt32(place * POLLFD_BYTES, fd, true);
      this.#view.setInt16(place * POLLFD_BYTES + 4, POLLIN, true);
    });
    this.#places = new Map(all.map((fd, place) => [fd, place]));
  }

  /** Waits until something is ready or the time is over. Throws BerthError `os`. */
  wait(timeoutMs: number): void {
    this.#ready = libc.poll(this.#memory, this.#places.size, timeoutMs);
    this.#turns++;
    if (this.#ready < 0) {
      if (errno() !== EINTR) check("poll", this.#ready);
      for (const place of this.#places.values()) this.#view.setInt16(place * POLLFD_BYTES + 6, 0, true);
      this.#ready = 0;
    }
  }

  anyReady(): boolean {
    return this.#ready > 0;
  }

  isReady(fd: number): boolean {
    const place = this.#places.get(fd);
    if (place === undefined) return false;
    return (this.#view.getInt16(place * POLLFD_BYTES + 6, true) & (POLLIN | POLLERR)) !== 0;
  }

  /** Whether to look for messages: the main thread said so, nothing else happened, or it is time to look anyway. */
  wasWoken(): boolean {
    if (this.isReady(this.wakeFd)) {
      libc.read(this.wakeFd, this.#counter, this.#counter.length);
      return true;
    }
    return this.#ready === 0 || this.#turns % LOOK_EVERY_TURNS === 0;
  }
}

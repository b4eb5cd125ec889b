/**
 * Memory for recvmmsg(2) and sendmmsg(2), laid out once and used for every batch.
 *
 *     struct mmsghdr (64 bytes)                    struct iovec (16 bytes)
 *      0  msg_name      8  msg_namelen             0  iov_base  → a slot of `frames`
 *     16  msg_iov      24  msg_iovlen              8  iov_len
 *     32  msg_control  40  msg_controllen
 *     48  msg_flags    56  msg_len
 */
import { addressOf, MSG_TRUNC } from "./libc.ts";

export const BATCH_FRAMES = 64;
const MMSGHDR_BYTES = 64;
const IOVEC_BYTES = 16;
const MSG_IOV_AT = 16;
const MSG_IOVLEN_AT = 24;
const MSG_FLAGS_AT = 48;
const MSG_LEN_AT = 56;

/** Up to BATCH_FRAMES frames in slots of equal size. The object must live as long as `headers` is given to the kernel. */
export class FrameBatch {
  readonly frames: Uint8Array;
  readonly headers: Uint8Array;
  readonly slotBytes: number;
  // Held, because the kernel follows pointers into it from `headers`.
  readonly #vectors: Uint8Array;
  readonly #headerView: DataView;
  readonly #vectorView: DataView;

  constructor(slotBytes: number) {
    this.slotBytes = slotBytes;
    this.frames = new Uint8Array(new ArrayBuffer(slotBytes * BATCH_FRAMES));
    this.headers = new Uint8Array(new ArrayBuffer(MMSGHDR_BYTES * BATCH_FRAMES));
    this.#vectors = new Uint8Array(new ArrayBuffer(IOVEC_BYTES * BATCH_FRAMES));
    this.#headerView = new DataView(this.headers.buffer);
    this.#vectorView = new DataView(this.#vectors.buffer);
    const frames = addressOf(this.frames);
    const vectors = addressOf(this.#vectors);
    for (let slot = 0; slot < BATCH_FRAMES; slot++) {
      this.#vectorView.setBigUint64(slot * IOVEC_BYTES, frames + BigInt(slot * slotBytes), true);
      this.setLength(slot, slotBytes);
      const header = slot * MMSGHDR_BYTES;
      this.#headerView.setBigUint64(header + MSG_IOV_AT, vectors + BigInt(slot * IOVEC_BYTES), true);
      this.#headerView.setUint32(header + MSG_IOVLEN_AT, 1, true);
    }
  }

  /** How many bytes of the slot to send, or may be received into it. */
  setLength(slot: number, bytes: number): void {
    this.#vectorView.setUint32(slot * IOVEC_BYTES + 8, bytes, true);
  }

  /** How many bytes the kernel received into the slot. */
  received(slot: number): number {
    return this.#headerView.getUint32(slot * MMSGHDR_BYTES + MSG_LEN_AT, true);
  }

  /** Whether the frame was longer than its slot. */
  isTruncated(slot: number): boolean {
    return (this.#headerView.getUint32(slot * MMSGHDR_BYTES + MSG_FLAGS_AT, true) & MSG_TRUNC) !== 0;
  }
}

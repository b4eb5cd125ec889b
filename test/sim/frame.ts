/** What reaches a simulated worker. */
export type Frame = Said | Request;

export interface Said {
  readonly type: "announcement" | "answer";
  /** Where it was heard. */
  readonly on: string;
  readonly address: string;
  readonly mac: string;
  /** It answers the detector, not a probe. */
  readonly toQuestion?: boolean;
}

interface Request extends Asker {
  readonly type: "request";
  readonly on: string;
  readonly address: string;
  readonly reply: () => void;
}

/** The MAC of the node that asks: its detector asks everybody, or it asks before it answers itself; "" for neither. */
export interface Asker {
  readonly alarmBy: string;
  readonly probeBy: string;
}

/** So many frames fit in the kernel's default buffer (M8); more of them are lost, and the kernel says so. */
const QUEUE_MAX = 256;

/** The buffer of a socket whose reader does not run. */
export class FrameQueue {
  frames: Frame[] = [];
  #dropped = 0;

  push(frame: Frame): void {
    if (this.frames.length < QUEUE_MAX) this.frames.push(frame);
    else this.#dropped += 1;
  }

  /** What is in it, and how many were lost since it was last emptied. */
  take(): { readonly frames: readonly Frame[]; readonly dropped: number } {
    const taken = { frames: this.frames, dropped: this.#dropped };
    this.frames = [];
    this.#dropped = 0;
    return taken;
  }
}

export const NOBODY: Asker = { alarmBy: "", probeBy: "" };

/** Sabotage: answers what was asked while nobody could answer. */
export function answerAll(frames: readonly Frame[], isHeld: (address: string) => boolean): void {
  for (const frame of frames) if (frame.type === "request" && isHeld(frame.address)) frame.reply();
}

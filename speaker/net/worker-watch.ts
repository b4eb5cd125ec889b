/**
 * The main thread's eye on the frame worker. One that hangs answers nothing, while the Lease beats on and promises that it does: addresses
 * would be offered to this node, and handed to it, again and again. So the process must end, and the kubelet starts it anew.
 *
 * Counted are turns of the main thread's own timer, not time: whoever was stopped and goes on finds one turn, not a minute, and on a
 * loaded machine, where both threads wait for a processor, the turns are as late as the worker.
 */

/** Of a second each. The worker speaks every second; its fence calls a tenth of this time a long gap, and mends that by itself. */
export const SILENT_TURNS_MAX = 10;

export class WorkerWatch {
  /** Turns since its last word; undefined before the first: until then the speaker is not ready, and its Lease not asked for. */
  #silentTurns: number | undefined;

  heard(): void {
    this.#silentTurns = 0;
  }

  /** A turn of the timer is over; true once, when the worker has been silent for too many of them. */
  turn(): boolean {
    if (this.#silentTurns === undefined) return false;
    this.#silentTurns += 1;
    return this.#silentTurns === SILENT_TURNS_MAX;
  }
}

/** What the kernel shows in files and tells nobody of when it changes: arp_ignore and the default routes. */
import type { SpeakerInput } from "../state.ts";
import { readArpIgnore } from "./arp-ignore.ts";
import { readGateways } from "./gateways.ts";

export class KernelReader {
  readonly #post: (input: SpeakerInput) => void;
  #arpIgnore = "";
  #gateways = "";

  constructor(post: (input: SpeakerInput) => void) {
    this.#post = post;
  }

  /** Posts what is another than when it was last read. */
  read(interfaces: readonly string[]): void {
    const arpIgnore = readArpIgnore(interfaces);
    const ignoreText = JSON.stringify([...arpIgnore]);
    if (ignoreText !== this.#arpIgnore) this.#post({ type: "arp-ignore", byInterface: arpIgnore });
    this.#arpIgnore = ignoreText;
    const gateways = readGateways();
    const gatewaysText = JSON.stringify([...gateways]);
    if (gatewaysText !== this.#gateways) this.#post({ type: "gateways", byInterface: gateways });
    this.#gateways = gatewaysText;
  }
}

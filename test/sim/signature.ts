/** What is broken in a run and what is decided, as one line: after whatever breaks, is mended or is decided it is another one. */
import type { RunWorld } from "./happened.ts";
import type { SimWire } from "./wire.ts";

export function signatureOf({ api, wires, processes }: RunWorld): string {
  let running = 0;
  let frozen = 0;
  for (const all of processes.values()) {
    running += all.length;
    for (const process of all) frozen += Number(process.frozen);
  }
  const { up, cut, away, slowMs, laggingMs, putBackMs, store } = api;
  // Nodes and endpoints are changed by operators, and by the node controller when it misses a kubelet.
  const known = [Number(up), cut.size, away.size, slowMs, laggingMs, putBackMs, store.decisions];
  return [...known, running, frozen, ...wires.flatMap(ofWire)].join(" ");
}

function ofWire(wire: SimWire): readonly number[] {
  const { unplugged, sides, off, mute, deaf, blocked, unanswered, slowAnswersMs } = wire;
  const sets = [unplugged, sides, off, mute, deaf, blocked, unanswered, slowAnswersMs].map(({ size }) => size);
  return [...sets, wire.loss, wire.delayMsMax, Number(wire.hasGateway), Number(wire.isolated)];
}

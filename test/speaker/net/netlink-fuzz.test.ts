/** What the kernel would never say does not stop the worker either: spoiled rtnetlink, from a seed (test/speaker/packet/fuzz.ts). */
import { readdirSync } from "node:fs";
import { expect, test } from "@jest/globals";
import { interfaceFacts } from "../../../speaker/interfaces.ts";
import { createLinks, type LinksInput, linksOf, stepLinks } from "../../../speaker/net/links.ts";
import { parseNetlink } from "../../../speaker/net/netlink.ts";
import { toHex } from "../packet/fixtures.ts";
import { alike, Dice, RUNS, SEED, spoiled } from "../packet/fuzz.ts";
import { datagrams } from "./recorded.ts";

const names = ["", "guest/"].flatMap((directory) =>
  readdirSync(new URL(`./fixtures/${directory}`, import.meta.url))
    .filter((name) => name.endsWith(".hex"))
    .map((name) => `${directory}${name.slice(0, -4)}`),
);
// One message each, or a flipped bit would mostly hit what nobody reads.
const messages = names.flatMap(datagrams).flatMap((datagram) => {
  const view = new DataView(datagram.buffer, datagram.byteOffset, datagram.byteLength);
  const one: Uint8Array[] = [];
  for (let at = 0; at < datagram.length; at += (view.getUint32(at, true) + 3) & ~3)
    one.push(datagram.slice(at, at + view.getUint32(at, true)));
  return one;
});
const REASONS = ["netlink-short", "netlink-length", "netlink-attribute"];

test("a spoiled message is refused with a reason or read, within its bounds; the links stay a list that can be worked with", () => {
  const dice = new Dice(SEED);
  let [state, refused, read] = [createLinks(), 0, 0];
  for (let run = 0; run < RUNS; run++) {
    const input = spoiled(dice, messages);
    try {
      const [one, other] = alike(input, ({ bytes, at, end }) => parseNetlink(bytes.subarray(at, end)));
      if (JSON.stringify(one) !== JSON.stringify(other)) throw new Error("read beyond its end");
      if (!one.ok && !REASONS.includes(one.reason)) throw new Error(one.reason);
      one.ok ? read++ : refused++;
      // As the worker does: what cannot be read is asked for again.
      const inputs: readonly LinksInput[] = one.ok ? one.value : [{ type: "resync" }];
      for (const message of inputs) state = stepLinks(state, message).state;
      if (run % 500 === 0) state = createLinks();
      interfaceFacts(linksOf({ ...state, phase: "settled", dump: 1 }) ?? []);
    } catch (thrown) {
      throw new Error(`seed ${SEED}, run ${run}, input ${toHex(input)}`, { cause: thrown });
    }
  }
  expect(Math.min(refused, read)).toBeGreaterThan(RUNS / 20);
});

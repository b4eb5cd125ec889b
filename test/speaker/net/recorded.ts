/** What rtnetlink was recorded to say (fixtures/), as the inputs of links.ts. */
import { readFileSync } from "node:fs";
import { type LinksInput, type LinksState, stepLinks } from "../../../speaker/net/links.ts";
import { parseNetlink } from "../../../speaker/net/netlink.ts";

/** The recorded datagrams of the kernel, one a line. */
export function datagrams(name: string): Uint8Array[] {
  const text = readFileSync(new URL(`./fixtures/${name}.hex`, import.meta.url), "utf8");
  return text
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => Uint8Array.from(Buffer.from(line, "hex")));
}

export function messages(name: string): LinksInput[] {
  return datagrams(name).flatMap((bytes) => {
    const parsed = parseNetlink(bytes);
    if (!parsed.ok) throw new Error(parsed.reason);
    return [...parsed.value];
  });
}

export function play(state: LinksState, inputs: readonly LinksInput[]) {
  const effects: object[] = [];
  let now = state;
  for (const input of inputs) {
    const step = stepLinks(now, input);
    now = step.state;
    effects.push(...step.effects);
  }
  return { state: now, effects };
}

/** A foreign host on the segment has the addresses as its own and says so. */
import { inNamespace, must } from "../../lab/run.ts";
import { type Claim, mostWithin } from "./claims.ts";
import { type Broken, sleep } from "./faults.ts";
import { listened } from "./listening.ts";
import type { Seen } from "./promises.ts";
import { type Stage, VICTIM } from "./stage.ts";

/** What is promised for ten seconds, less what a frame may be late. */
const DEFENCE_MS = 9_900;
/** Each family is claimed by the client that has no connection of it. */
const HOSTS = { v4: "c2", v6: "c1" } as const;
const isV6 = (address: string): boolean => address.includes(":");

/** Announced twice, a second apart, as hosts do (RFC 5227 section 2.3). */
async function claim4({ berth: { lab } }: Stage, address: string): Promise<void> {
  await lab.exec(HOSTS.v4, ["ip", "addr", "add", `${address}/32`, "dev", "eth0"]);
  await lab.exec(HOSTS.v4, ["arping", "-c", "2", "-U", "-i", "eth0", "-S", address, address]);
}

/** Announced twice, a second apart: with `ndisc_notify` the kernel announces what it is given, if it has no detection to make first. */
async function claim6(stage: Stage, address: string): Promise<void> {
  const own = [`${address}/128`, "dev", "eth0"];
  await onHost6(stage, ["ip", "addr", "add", ...own]);
  await sleep(1_000);
  await onHost6(stage, ["ip", "addr", "del", ...own]);
  await onHost6(stage, ["ip", "addr", "add", ...own]);
}

const notifies = (stage: Stage, on: boolean): Promise<string> =>
  onHost6(stage, [
    ...["sysctl", "-qw", `net.ipv6.conf.eth0.accept_dad=${on ? 0 : 1}`],
    `net.ipv6.conf.eth0.ndisc_notify=${on ? 1 : 0}`,
  ]);

function onHost6({ berth: { lab } }: Stage, argv: readonly string[]): Promise<string> {
  return must(inNamespace(lab.namespaceOf(HOSTS.v6), argv));
}

async function claimAll(stage: Stage): Promise<void> {
  const one = async (claim: typeof claim4, addresses: readonly string[]): Promise<void> => {
    for (const address of addresses) await claim(stage, address);
  };
  await Promise.all([
    one(
      claim4,
      stage.addresses.filter((address) => !isV6(address)),
    ),
    one(claim6, stage.addresses.filter(isV6)),
  ]);
}

/** Fine for what it has not. */
async function leaveAll({ berth: { lab }, addresses }: Stage): Promise<void> {
  for (const address of addresses) {
    const [host, length] = isV6(address) ? [HOSTS.v6, 128] : [HOSTS.v4, 32];
    await lab.exec(host, ["ip", "addr", "del", `${address}/${length}`, "dev", "eth0"]);
  }
}

/** While both clients listen: what was announced against it, and how often. */
export async function claimed(stage: Stage): Promise<Broken> {
  const { lab } = stage.berth;
  // The rounds with which the victim announced what it was handed are no defences.
  await sleep(2_000);
  await notifies(stage, true);
  const [claims, fromMs] = await listened(lab, [], async () => {
    const now = Date.now();
    await claimAll(stage);
    await sleep(15_000);
    await leaveAll(stage);
    await sleep(12_000);
    return now;
  }).finally(async () => {
    await leaveAll(stage);
    await notifies(stage, false);
  });
  return { seen: seenIn(claims, stage, fromMs) };
}

function seenIn(claims: readonly Claim[], { berth: { lab }, addresses }: Stage, fromMs: number): Seen {
  const { mac } = lab.node(VICTIM);
  const unclaimed = addresses.filter((of) => !claims.some(({ address, mac: by }) => address === of && by !== mac));
  if (unclaimed.length > 0) throw new Error(`the foreign hosts announced nothing of ${unclaimed.join(", ")}`);
  const defences = addresses.map((of) => {
    const own = claims.filter(({ address }) => address === of);
    return mostWithin(own, mac, fromMs, DEFENCE_MS);
  });
  return { defences: Math.max(...defences), undefended: defences.filter((count) => count === 0).length };
}

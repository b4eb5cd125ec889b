/**
 * A second network beside the lab's own, for the stories that need one: a bridge in the switch's namespace, and a cable to it from every
 * node and client, whose end there is eth1. It comes and goes while the cluster runs, since a node that is heard on a second segment is
 * not dead when its first cable is pulled: it would change what all other stories measure. The nodes' own addresses stay on eth0.
 */
import type { Station } from "./plan.ts";
import { switchNamespace } from "./plan.ts";
import { must, run } from "./run.ts";

export const secondDevice = "eth1";
export const secondBridge = "br1";

/** A station on the second segment. */
export interface SecondEnd {
  readonly port: string;
  readonly ipv4: string;
  readonly ipv6: string;
  readonly mac: string;
}

/** The digits of the first segment, in networks of their own (10.98.0.0/24, fd98::/64); pure. */
export function secondEnd({ name, ipv4, ipv6, mac }: Station): SecondEnd {
  return {
    port: `w-${name}`,
    ipv4: ipv4.replace(/^10\.99\./, "10.98."),
    ipv6: ipv6.replace(/^fd99:/, "fd98:"),
    mac: mac.replace(/^02:be:00:/, "02:be:01:"),
  };
}

/** Makes bridge and cables. BerthError "os" when they are there already. */
export async function createSecondSegment(stations: readonly Station[]): Promise<void> {
  const switchLines = [`link add ${secondBridge} type bridge`, `link set ${secondBridge} up`];
  await must(["ip", "-n", switchNamespace, "-batch", "-"], { input: `${switchLines.join("\n")}\n` });
  const cables = stations.map((station) => {
    const { port, mac } = secondEnd(station);
    const own = `link add ${secondDevice} address ${mac} netns ${station.namespace} type veth`;
    return `${own} peer name ${port} netns ${switchNamespace}\n`;
  });
  await must(["ip", "-batch", "-"], { input: cables.join("") });
  const ports = stations.map((station) => `link set ${secondEnd(station).port} master ${secondBridge} up\n`);
  await must(["ip", "-n", switchNamespace, "-batch", "-"], { input: ports.join("") });
  for (const station of stations) {
    const { ipv4, ipv6 } = secondEnd(station);
    const lines = [
      `addr add ${ipv4}/24 brd + dev ${secondDevice}`,
      `addr add ${ipv6}/64 dev ${secondDevice} nodad`,
      `link set ${secondDevice} up`,
    ];
    await must(["ip", "-n", station.namespace, "-batch", "-"], { input: `${lines.join("\n")}\n` });
  }
}

/** Takes all of it away, routes of the stations through it included; fine when there is nothing. */
export async function removeSecondSegment(stations: readonly Station[]): Promise<void> {
  for (const { namespace } of stations) await run(["ip", "-n", namespace, "link", "delete", secondDevice]);
  await run(["ip", "-n", switchNamespace, "link", "delete", secondBridge]);
}

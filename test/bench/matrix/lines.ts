/** What several runs of one row come to, and the lines of its four Services. */
import { lineOf, type Measured } from "../figures.ts";
import { type Outcome, SERVICES, type ServiceName } from "./stage.ts";

/** Lost and cut of all runs together, and the longest gap of the UDP flows in milliseconds. */
export function samplesOf(outcomes: readonly Outcome[]): Required<Measured> {
  const sum = (of: (outcome: Outcome) => number): number => outcomes.reduce((total, one) => total + of(one), 0);
  const udp = Math.round(Math.max(...outcomes.map(({ udpMs }) => udpMs)));
  const also = { lost: sum(({ lost }) => lost), cut: sum(({ cut }) => cut), udp };
  return { samples: outcomes.map(({ outageMs }) => outageMs), also };
}

/** One line for each Service, in milliseconds without an answered new connection. */
export function printServices(row: string, runs: readonly Readonly<Record<ServiceName, Outcome>>[]): void {
  for (const name of SERVICES) {
    const outcomes = runs.map((byService) => byService[name]);
    console.log(lineOf({ name: `failover/${row}/${name}`, unit: "ms", ...samplesOf(outcomes) }));
  }
}

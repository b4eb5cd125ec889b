/**
 * A program, started by measure.ts in a network namespace of its own: takes the wanted figures and prints their lines.
 *
 *     node inside.ts CLUSTER_BINARY NAME...
 */
import { lineOf, medianOf, percentile, runs } from "../figures.ts";
import { type ApiServer, prepareNamespace } from "./api-server.ts";
import {
  type Actor,
  actorsFor,
  burstMeasured,
  burstName,
  REST,
  RESTART,
  RESTART_SIZE,
  type Round,
  restMeasured,
  SIZES,
} from "./plan.ts";
import { restRound } from "./rest.ts";
import { burstRound, type Restart, restartRound, type Working, writesOf } from "./rounds.ts";

const ROUNDS = 5;

const [cluster = "", ...names] = process.argv.slice(2);
const wanted: ReadonlySet<string> = new Set(names);

async function measure(size: number, actors: readonly Actor[]): Promise<void> {
  const rounds: Record<Actor, Round[]> = { bare: [], ideal: [], berth: [] };
  const restarts: Restart[] = [];
  const restarting = size === RESTART_SIZE && wanted.has(RESTART);
  const times = runs(ROUNDS);
  // A restart writes nothing, so that one burst serves all of them.
  const bursts = actors.some((actor) => wanted.has(burstName(actor, size))) ? times : 1;
  for (let time = 1; time <= bursts; time++) {
    for (const actor of actors) {
      const isLast = time === bursts && actor === "berth";
      const round = await burstRound(cluster, actor, size, async (server, working) => {
        if (restarting && isLast) restarts.push(...(await restart(server, working, times)));
      });
      rounds[actor].push(round);
      say(`${burstName(actor, size)} ${time} of ${bursts}`, round);
    }
  }
  const median = (actor: Actor): number | undefined =>
    rounds[actor].length === 0 ? undefined : medianOf(rounds[actor], ({ seconds }) => seconds);
  const others = { bare: median("bare"), ideal: median("ideal") };
  for (const actor of actors) {
    const name = burstName(actor, size);
    const compared = actor === "berth" ? others : actor === "ideal" ? { bare: others.bare } : {};
    if (wanted.has(name)) console.log(lineOf({ name, unit: "s", ...burstMeasured(rounds[actor], size, compared) }));
  }
  if (!restarting) return;
  const samples = restarts.map(({ seconds }) => seconds);
  console.log(lineOf({ name: RESTART, unit: "s", samples, also: { writes: writesOf(restarts) } }));
}

async function restart(server: ApiServer, working: Working | undefined, times: number): Promise<readonly Restart[]> {
  await working?.stop();
  const restarts: Restart[] = [];
  for (let time = 1; time <= times; time++) {
    const one = await restartRound(server, RESTART_SIZE);
    say(`${RESTART} ${time} of ${times}`, one);
    restarts.push(one);
  }
  return restarts;
}

function say(what: string, { seconds, latenciesMs = [], writes, cpuS }: Restart & Partial<Round>): void {
  const cpu = cpuS === undefined ? "" : `, ${cpuS.toFixed(2)} s of a processor`;
  const p99 = latenciesMs.length === 0 ? "" : `, p99 ${Math.round(percentile(latenciesMs, 0.99))} ms`;
  console.error(`bench: ${what}: ${seconds.toFixed(2)} s${p99}${cpu}, writes ${JSON.stringify(writes)}`);
}

await prepareNamespace();
for (const size of SIZES) {
  const actors = actorsFor(size, wanted);
  if (actors.length > 0) await measure(size, actors);
}
if (wanted.has(REST)) {
  const rest = await restRound(cluster);
  console.error(`bench: ${REST}: in ${rest.seconds} s ${JSON.stringify(rest.asked)}`);
  console.log(lineOf({ name: REST, unit: "requests", ...restMeasured(rest) }));
}
process.exit(0);

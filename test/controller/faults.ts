/** What can happen at one write of a controller, so that a test can let each of it happen at each write. */
import { setImmediate as settled } from "node:timers/promises";
import type { Scene } from "./scenarios/scene.ts";
import type { Snapshot } from "./scripted-api.ts";

/** How the scene stands when the write comes. */
export interface Moment {
  readonly scene: Scene;
  /** The store before each write of the controller since the user last did something, this one included; the oldest first. */
  readonly before: readonly Snapshot[];
}

export interface Fault {
  readonly name: string;
  /** Where several ends are right, it need not be that of a run without the fault. */
  readonly isOpen?: boolean;
  /** "done": the write has gone its way already. */
  readonly strike: (moment: Moment) => Promise<"done" | "go on">;
}

/** The process is gone: its write never reaches the API server, or does, and the answer comes to nobody. */
export function stopped(when: "before" | "after"): Fault {
  return {
    name: `stopped ${when} the write`,
    strike: async ({ scene }) => {
      if (when === "after") scene.process.proceed(0);
      scene.restart();
      return "done";
    },
  };
}

export const STOPS: readonly Fault[] = [stopped("before"), stopped("after")];

/** What becomes of the controller that another one takes the place of, while its write is under way. */
type Fate =
  | "is gone"
  /** Its connection was slow: the other one has acted already when the write arrives. */
  | "writes late"
  /** It does not know yet that it leads no more, and goes on with what it knew before the other one came. */
  | "goes on";

/** Another controller has taken over and acts, before its watches bring it the last `missing` events. */
function overtaken(missing: number, fate: Fate): Fault {
  return {
    name: `overtaken by one that misses ${missing} events, the first ${fate}`,
    strike: async ({ scene }) => {
      const first = scene.process;
      scene.overtake(Math.max(0, scene.api.events.length - missing));
      await scene.process.actDeaf();
      if (fate === "writes late") {
        first.proceed(0);
        first.resign();
        first.proceed(0);
        await settled();
      }
      if (fate === "goes on") await first.actDeaf();
      first.die();
      return "done";
    },
  };
}

export const OVERTAKEN: readonly Fault[] = [0, 1, 2, 3].flatMap((missing) =>
  (["is gone", "writes late", "goes on"] as const).map((fate) => overtaken(missing, fate)),
);

export const CONFLICTS: readonly Fault[] = [
  {
    name: "somebody else has written to the object",
    strike: async ({ scene }) => {
      const { verb = "", path = "" } = scene.process.next ?? {};
      if (verb === "create") return "go on";
      const body = { metadata: { annotations: { "example.com/touched": "yes" } } };
      scene.api.call({ verb: "patch", path: path.replace(/\/status$/, ""), body, patch: "merge" });
      return "go on";
    },
  },
  {
    name: "the write arrives twice, and the second answer is what is heard",
    strike: async ({ scene }) => {
      scene.process.sendTwice();
      return "go on";
    },
  },
];

/** The connection breaks, and the controller does not know whether its write has arrived. */
export const CUT: readonly Fault[] = ([false, true] as const).map((arrives) => ({
  name: `the connection breaks ${arrives ? "after" : "before"} the write arrives`,
  strike: async ({ scene }) => {
    if (arrives) scene.process.proceed(0);
    scene.process.cut();
    return "done";
  },
}));

/** Who goes on after the store went back. */
type Survivor =
  | "another controller"
  /** As when the API server was stopped for it. */
  | "the same controller, cut off"
  /** Its next write is under way meanwhile, and arrives after all. */
  | "the same controller, in the middle of a pass";

/** The write is done and answered; then the store is as it was so many writes earlier, and every watch begins anew. */
function rolledBack(writes: number, versions: "go on" | "go back", who: Survivor): Fault {
  return {
    name: `rolled back by ${writes} writes, versions ${versions}, ${who}`,
    isOpen: who === "the same controller, in the middle of a pass",
    strike: async ({ scene, before }) => {
      const { process } = scene;
      process.proceed(0);
      process.proceed(0);
      await settled();
      const snapshot = before[Math.max(0, before.length - writes)];
      if (snapshot === undefined) throw new Error("nothing to go back to");
      scene.api.restore(snapshot, versions);
      if (who === "another controller") {
        scene.restart();
        return "done";
      }
      if (who === "the same controller, cut off") process.cut();
      process.rolledBack();
      process.relist();
      return "done";
    },
  };
}

export const ROLLED_BACK: readonly Fault[] = [1, 2, 3, 4].flatMap((writes) =>
  (["go on", "go back"] as const).flatMap((versions) =>
    (
      ["another controller", "the same controller, cut off", "the same controller, in the middle of a pass"] as const
    ).map((who) => rolledBack(writes, versions, who)),
  ),
);

/** Lets the fault happen at the write of this number; `acts`: the user does something, and nothing before that is lost. */
export function inject(scene: Scene, write: number, { strike }: Fault): { readonly acts: () => void } {
  let before: readonly Snapshot[] = [];
  scene.atWrite = async (number) => {
    before = [...before, scene.api.snapshot()];
    if (number !== write) return "go on";
    scene.atWrite = undefined;
    return strike({ scene, before });
  };
  return {
    acts: () => {
      before = [];
    },
  };
}

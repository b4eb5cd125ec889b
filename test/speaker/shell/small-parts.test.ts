import { describe, expect, test } from "@jest/globals";
import { Limiter, RECORDS_MAX } from "../../../speaker/shell/limiter.ts";
import { initialBudget, moveEvents, spend, warningEvents } from "../../../speaker/shell/move-events.ts";
import { vip } from "../election/fixtures.ts";

describe("Limiter", () => {
  test("so many at a time, the rest in order, also after one that fails", async () => {
    const limiter = new Limiter(2);
    const gates = Array.from({ length: 4 }, () => Promise.withResolvers<void>());
    const begun: number[] = [];
    gates.forEach((gate, index) => {
      limiter.run(`call ${index}`, async () => {
        begun.push(index);
        await gate.promise;
      });
    });
    expect(begun).toEqual([0, 1]);
    gates[1]?.resolve();
    await new Promise((resolve) => setImmediate(resolve));
    expect(begun).toEqual([0, 1, 2]);
    gates[0]?.resolve();
    gates[2]?.resolve();
    await new Promise((resolve) => setImmediate(resolve));
    expect(begun).toEqual([0, 1, 2, 3]);
  });

  test("when a node dies its hundreds of records are written 32 at a time (election.md section 5)", () => {
    const records = new Limiter(RECORDS_MAX);
    let begun = 0;
    const neverAnswered = (): Promise<void> => {
      begun += 1;
      return new Promise(() => {});
    };
    for (let index = 0; index < 500; index++) records.run(`write ${index}`, neverAnswered);
    expect(begun).toBe(32);
  });
});

describe("Limiter, when calls hang", () => {
  test("however often the same is asked for, it waits once, in its place and as it was said last", async () => {
    const limiter = new Limiter(1);
    const gate = Promise.withResolvers<void>();
    const made: string[] = [];
    const say = (key: string, text: string) => limiter.run(key, async () => void made.push(text));
    limiter.run("condition a", () => gate.promise);
    for (let time = 1; time <= 3; time++) for (const key of ["a", "b", "c"]) say(`condition ${key}`, `${key} ${time}`);
    expect(made).toEqual([]);
    gate.resolve();
    await new Promise((resolve) => setImmediate(resolve));
    expect(made).toEqual(["a 3", "b 3", "c 3"]);
    say("condition a", "a 4");
    expect(made.at(-1)).toBe("a 4");
  });
});

describe("events of moves", () => {
  const service = { namespace: "shop", name: "web", uid: "s", externalTrafficPolicy: "Cluster", ports: [] } as const;
  const event = {
    vip: { ...vip(), services: [service] },
    node: "a",
    interface: "eth0",
    reason: "first-holder",
    epoch: 1,
  } as const;
  const at = { nowText: "2026-01-02T03:04:05.678Z", instance: "pod", serial: "1f" };

  test("one on the VirtualIP, one on the Service, with names of their own", () => {
    const made = moveEvents(event, at);
    expect(made).toMatchObject([
      {
        namespace: "default",
        body: { regarding: { kind: "VirtualIP", name: "10.0.0.100" }, eventTime: "2026-01-02T03:04:05.678000Z" },
      },
      { namespace: "shop", body: { regarding: { kind: "Service", namespace: "shop", name: "web", uid: "s" } } },
    ]);
    expect(JSON.stringify(made[0]?.body)).toContain(
      "10.0.0.100 is announced by node a on eth0 (first-holder, epoch 1)",
    );
    const names = made.map(({ body }) => JSON.stringify(body).match(/"name":"([^"]*1f\d)"/)?.[1]);
    expect(new Set(names).size).toBe(2);
  });

  test.each([
    ["Announced", "False", "InterfaceNotFound", 2],
    ["Announced", "False", "NoEndpoint", 0],
    ["Announced", "True", "Announced", 0],
    ["Conflict", "True", "ForeignHost", 2],
    ["Conflict", "False", "NoConflict", 0],
  ] as const)("%s=%s %s warns %d times", (type, status, reason, count) => {
    const made = warningEvents(event.vip, { type, status, reason, message: "n".repeat(5_000) }, at);
    expect(made).toHaveLength(count);
    for (const { body } of made) {
      expect(body).toMatchObject({ type: "Warning", reason });
      // events.k8s.io refuses longer notes.
      expect(Buffer.byteLength(String((body as { note?: string }).note))).toBeLessThanOrEqual(1_024);
    }
  });

  test("fifty at once, then one a second", () => {
    let budget = initialBudget;
    let admitted = 0;
    const ask = (now: number): void => {
      const spent = spend(budget, now);
      budget = spent.budget;
      if (spent.admitted) admitted += 1;
    };
    for (let index = 0; index < 200; index++) ask(1_000);
    expect(admitted).toBe(50);
    ask(1_999);
    expect(admitted).toBe(50);
    ask(2_001);
    expect(admitted).toBe(51);
  });
});

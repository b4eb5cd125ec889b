import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "@jest/globals";
import type { Json, KubeApi } from "../../../lib/kube/api.ts";
import { createKubeApi } from "../../../lib/kube/client.ts";
import type { BerthError } from "../../../lib/runtime/errors.ts";
import { type Answer, type FakeServer, json, startFakeServer } from "./fake-server.ts";

const servers: FakeServer[] = [];
const apis: KubeApi[] = [];
afterEach(async () => {
  for (const api of apis.splice(0)) api.closeConnections();
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

async function start(answer: Answer, user?: Record<string, unknown>, watchIdleMs = 60_000) {
  const server = await startFakeServer(answer);
  servers.push(server);
  const config = server.config(user);
  const api = createKubeApi({ config, userAgent: "berth-test/0", watchIdleMs });
  apis.push(api);
  return { server, api };
}

/** A watch whose events and end can be awaited. */
function watch(api: KubeApi, path = "/api/v1/services", query: Record<string, string> = {}) {
  const events: [string, Json][] = [];
  const ends: (BerthError | undefined)[] = [];
  const ended = Promise.withResolvers<BerthError | undefined>();
  const arrived = Promise.withResolvers<void>();
  const handle = api.watch(path, query, {
    onEvent: (type, object) => {
      events.push([type, object]);
      arrived.resolve();
    },
    onEnd: (error) => {
      ends.push(error);
      ended.resolve(error);
    },
  });
  return { events, ends, handle, ended: ended.promise, arrived: arrived.promise };
}

const event = (type: string, object: Json) => `${JSON.stringify({ type, object })}\n`;
const status = (code: number, reason: string, details = {}) => ({
  kind: "Status",
  status: "Failure",
  code,
  reason,
  message: `said ${reason}`,
  details,
});

describe("requests", () => {
  const patchRows = [
    ["json", "application/json-patch+json"],
    ["merge", "application/merge-patch+json"],
    ["apply", "application/apply-patch+yaml"],
  ] as const;
  test.each(patchRows)("patch %s has content type %s", async (type, contentType) => {
    const { server, api } = await start((_, response) => json(response, 200, { kind: "Lease" }));
    const query = { fieldManager: "berth & co" };
    expect(await api.patch("/apis/x/v1/leases/a", type, [{ op: "test" }], { query })).toEqual({ kind: "Lease" });
    const [seen] = server.seen;
    expect(seen).toMatchObject({ method: "PATCH", body: '[{"op":"test"}]' });
    expect(new URL(seen?.url ?? "", "http://x").searchParams.get("fieldManager")).toBe("berth & co");
    expect(seen?.headers).toMatchObject({ "content-type": contentType, "user-agent": "berth-test/0" });
  });

  test("the other verbs", async () => {
    const { server, api } = await start((_, response) => json(response, 201, {}));
    await api.get("/a");
    await api.create("/a", { b: 1 });
    await api.replace("/a", { b: 2 });
    await api.delete("/a", { preconditions: { uid: "u" } });
    expect(server.seen.map((one) => [one.method, one.body])).toEqual([
      ["GET", ""],
      ["POST", '{"b":1}'],
      ["PUT", '{"b":2}'],
      ["DELETE", '{"preconditions":{"uid":"u"}}'],
    ]);
    expect(server.seen[0]?.headers["content-type"]).toBeUndefined();
    expect(server.seen[1]?.headers["content-type"]).toBe("application/json");
  });

  const refusals = [
    [404, "NotFound", "not-found"],
    [409, "AlreadyExists", "conflict"],
    [410, "Expired", "gone"],
    [422, "Invalid", "api-refused"],
    [429, "TooManyRequests", "api-refused"],
    [500, "InternalError", "api-refused"],
  ] as const;
  test.each(refusals)("%i %s is %s", async (code, reason, expected) => {
    const { api } = await start((_, response) =>
      json(response, code, status(code, reason, { retryAfterSeconds: 2 }), code === 429 ? { "retry-after": "7" } : {}),
    );
    await expect(api.get("/x")).rejects.toMatchObject({
      name: "KubeError",
      code: expected,
      status: code,
      reason,
      message: `said ${reason}`,
      retryAfterMs: code === 429 ? 7000 : 2000,
    });
  });

  test("an answer of a proxy that is no Status still says the number", async () => {
    const { api } = await start((_, response) => response.writeHead(502).end("<html>"));
    await expect(api.get("/x")).rejects.toMatchObject({ code: "api-refused", status: 502, reason: "" });
  });

  test("no answer in time is api-timeout, nobody there is api-unreachable", async () => {
    const { server, api } = await start(() => {});
    await expect(api.get("/x", { timeoutMs: 50 })).rejects.toMatchObject({ code: "api-timeout", status: undefined });
    await server.close();
    await expect(api.get("/x")).rejects.toMatchObject({ code: "api-unreachable", status: undefined });
  });

  test("a body that stops half-way is api-timeout", async () => {
    const { api } = await start((_, response) => response.writeHead(200).write("{"));
    await expect(api.get("/x", { timeoutMs: 100 })).rejects.toMatchObject({ code: "api-timeout" });
  });
});

describe("credentials", () => {
  test("a token that rotated is read again after a 401 and after the connections were closed", async () => {
    const directory = mkdtempSync(join(tmpdir(), "berth-token-"));
    const tokenFile = join(directory, "token");
    try {
      const user = { authProvider: { name: "tokenFile", config: { tokenFile } } };
      const accepted = { token: "first" };
      const { server, api } = await start((seen, response) => {
        const good = seen.headers["authorization"] === `Bearer ${accepted.token}`;
        json(response, good ? 200 : 401, good ? {} : status(401, "Unauthorized"));
      }, user);
      writeFileSync(tokenFile, "first\n");
      await api.get("/a");
      writeFileSync(tokenFile, "second\n");
      accepted.token = "second";
      await expect(api.get("/a")).rejects.toMatchObject({ status: 401 });
      await api.get("/a");
      writeFileSync(tokenFile, "third\n");
      accepted.token = "third";
      api.closeConnections();
      await api.get("/a");
      const used = server.seen.map((seen) => seen.headers["authorization"]);
      expect(used).toEqual(["Bearer first", "Bearer first", "Bearer second", "Bearer third"]);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  test("name and password, and a plain token", async () => {
    const basic = await start((_, response) => json(response, 200, {}), { username: "me", password: "pw" });
    await basic.api.get("/a");
    expect(basic.server.seen[0]?.headers["authorization"]).toBe(`Basic ${btoa("me:pw")}`);
    const bearer = await start((_, response) => json(response, 200, {}), { token: "t" });
    await bearer.api.get("/a");
    const one = watch(bearer.api);
    await one.ended;
    expect(bearer.server.seen.map((seen) => seen.headers["authorization"])).toEqual(["Bearer t", "Bearer t"]);
  });
});

describe("watch", () => {
  test("events in order, then one end without an error when the server closes", async () => {
    const { server, api } = await start((_, response) => {
      response.writeHead(200);
      response.write(event("ADDED", { a: 1 }));
      response.end(event("BOOKMARK", { b: 2 }));
    });
    const one = watch(api, "/api/v1/services", { resourceVersion: "5", allowWatchBookmarks: "true" });
    expect(await one.ended).toBeUndefined();
    expect(one.events).toEqual([
      ["ADDED", { a: 1 }],
      ["BOOKMARK", { b: 2 }],
    ]);
    expect(one.ends).toHaveLength(1);
    expect(server.seen[0]?.url).toBe("/api/v1/services?watch=true&resourceVersion=5&allowWatchBookmarks=true");
  });

  test("an ERROR event reaches the handler as such", async () => {
    const { api } = await start((_, response) => response.writeHead(200).end(event("ERROR", status(410, "Expired"))));
    const one = watch(api);
    await one.ended;
    expect(one.events).toEqual([["ERROR", status(410, "Expired")]]);
  });

  test.each([
    [410, "gone"],
    [403, "api-refused"],
  ])("a refusal with %i ends it with %s", async (code, expected) => {
    const { api } = await start((_, response) => json(response, code, status(code, "X")));
    expect(await watch(api).ended).toMatchObject({ code: expected, status: code });
  });

  test("a refusal says what the server says, and when to come again", async () => {
    const refusal = status(429, "TooManyRequests");
    const { api } = await start((_, response) => json(response, 429, refusal, { "retry-after": "3" }));
    const said = { message: "said TooManyRequests", reason: "TooManyRequests", retryAfterMs: 3000 };
    expect(await watch(api).ended).toMatchObject({ code: "api-refused", status: 429, ...said });
  });

  test("however its bytes are cut, the events are the same", async () => {
    const { api } = await start(async (_, response) => {
      response.writeHead(200);
      const bytes = Buffer.from(event("ADDED", { name: "Grüße, 世界" }) + event("MODIFIED", { b: 2 }));
      for (const byte of bytes) {
        response.write(Buffer.from([byte]));
        await new Promise((resolve) => setImmediate(resolve));
      }
      response.end();
    });
    const one = watch(api);
    expect(await one.ended).toBeUndefined();
    expect(one.events).toEqual([
      ["ADDED", { name: "Grüße, 世界" }],
      ["MODIFIED", { b: 2 }],
    ]);
  });

  test("a line that cannot be read ends it: what was in it is lost", async () => {
    const { api } = await start((_, response) => {
      response.writeHead(200).write(`${event("ADDED", {})}{"type":\n${event("ADDED", { late: true })}`);
    });
    const one = watch(api);
    expect(await one.ended).toMatchObject({ code: "api-unreachable" });
    expect(one.events).toEqual([["ADDED", {}]]);
    expect(one.ends).toHaveLength(1);
  });

  test("a reset connection ends it with api-unreachable", async () => {
    const { api } = await start((_, response) => {
      response.writeHead(200).write(event("ADDED", {}));
      setImmediate(() => response.socket?.resetAndDestroy());
    });
    expect(await watch(api).ended).toMatchObject({ code: "api-unreachable" });
  });

  test("nothing heard for watchIdleMs ends it with api-timeout", async () => {
    const { api } = await start((_, response) => response.writeHead(200).write(event("ADDED", {})), undefined, 100);
    const one = watch(api);
    expect(await one.ended).toMatchObject({ code: "api-timeout" });
    expect(one.events).toHaveLength(1);
  });

  test("close ends it once, and the server sees it go", async () => {
    const gone = Promise.withResolvers<void>();
    const { api } = await start((_, response) => {
      response.on("close", gone.resolve);
      response.writeHead(200).write(event("ADDED", {}));
    });
    const one = watch(api);
    await one.arrived;
    one.handle.close();
    one.handle.close();
    await gone.promise;
    expect(one.ends).toEqual([undefined]);
  });

  test("a handler that throws ends the watch instead of losing the event silently", async () => {
    const { api } = await start((_, response) => response.writeHead(200).write(event("ADDED", {})));
    const ended = Promise.withResolvers<BerthError | undefined>();
    api.watch(
      "/x",
      {},
      {
        onEvent: () => {
          throw new Error("broken handler");
        },
        onEnd: ended.resolve,
      },
    );
    expect(await ended.promise).toMatchObject({ code: "internal", message: "broken handler" });
  });
});

describe("closeConnections", () => {
  test("ends watches and requests at once, and the next request gets a new connection", async () => {
    let silent = true;
    const { server, api } = await start((seen, response) => {
      if (seen.url.includes("watch=true")) response.writeHead(200).write(event("ADDED", {}));
      else if (!silent) json(response, 200, { fresh: true });
    });
    const one = watch(api);
    await one.arrived;
    const hanging = api.get("/hangs");
    const outcome = expect(hanging).rejects.toMatchObject({ code: "api-unreachable" });
    while (server.seen.length < 2) await new Promise((resolve) => setImmediate(resolve));
    const before = [...server.connections];
    api.closeConnections();
    await outcome;
    expect(await one.ended).toMatchObject({ code: "api-unreachable" });
    expect(one.ends).toHaveLength(1);
    silent = false;
    expect(await api.get("/again")).toEqual({ fresh: true });
    expect([...server.connections].some((socket) => before.includes(socket))).toBe(false);
  });
});

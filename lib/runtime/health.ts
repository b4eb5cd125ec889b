/** The HTTP side of a program: /healthz, /readyz (Kubernetes probes) and /metrics (Prometheus). */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { BerthError } from "./errors.ts";
import type { Logger } from "./log.ts";
import { METRICS_CONTENT_TYPE, renderMetrics } from "./metrics.ts";

export interface HealthOptions {
  /** 0 lets the kernel choose; the result tells which. */
  readonly port: number;
  /** "" or "::" listens on every address of both families. */
  readonly host: string;
  /** Why the program cannot do its work now; undefined when it can. */
  readonly ready: () => string | undefined;
  /** Why the program must be restarted; undefined when it need not be. */
  readonly alive: () => string | undefined;
  readonly log: Logger;
}

export interface HealthServer {
  readonly port: number;
  close(): Promise<void>;
}

/**
 * Listens with SO_REUSEPORT: a surge pod of a rolling update shares the host's network, and so the port, with the pod
 * it replaces. The kernel then spreads connections over both, so that a probe of one may be answered by the other;
 * nothing may hang on which of them said so. Rejects with "os" when the port cannot be had.
 */
export async function startHealthServer(options: HealthOptions): Promise<HealthServer> {
  const server = createServer((request, response) => {
    answer(options, request, response).catch((thrown) => {
      options.log.error({ error: BerthError.from(thrown) }, "health request failed");
      response.destroy();
    });
  });
  // A client that opens connections and says nothing must not collect them.
  server.requestTimeout = 5_000;
  server.headersTimeout = 5_000;
  server.maxConnections = 64;
  const host = options.host === "" ? "::" : options.host;
  try {
    await listen(server, options.port, host);
  } catch (thrown) {
    // A kernel without IPv6 (ipv6.disable=1) has no "::".
    if (host !== "::" || errorCode(thrown) !== "EAFNOSUPPORT") throw listenError(options, thrown);
    await listen(server, options.port, "0.0.0.0").catch((again) => {
      throw listenError(options, again);
    });
  }
  const bound = server.address();
  const port = typeof bound === "object" && bound !== null ? bound.port : options.port;
  options.log.info({ host, port }, "health and metrics are served");
  return {
    port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function listen(server: Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ port, host, reusePort: true }, () => {
      server.off("error", reject);
      resolve();
    });
  });
}

async function answer(options: HealthOptions, request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (request.method !== "GET" && request.method !== "HEAD") return send(response, 405, "only GET and HEAD\n");
  const path = (request.url ?? "/").split("?", 1)[0];
  switch (path) {
    case "/healthz":
      return verdict(response, options.alive());
    case "/readyz":
      return verdict(response, options.ready());
    case "/metrics":
      return send(response, 200, await renderMetrics(), METRICS_CONTENT_TYPE);
    default:
      return send(response, 404, "try /healthz, /readyz or /metrics\n");
  }
}

function verdict(response: ServerResponse, problem: string | undefined): void {
  if (problem === undefined) send(response, 200, "ok\n");
  else send(response, 503, `${problem}\n`);
}

function send(response: ServerResponse, status: number, body: string, type = "text/plain; charset=utf-8"): void {
  // Connections end with the answer: a kept one would tie a probe to the process that is about to leave.
  response.writeHead(status, { "content-type": type, connection: "close" }).end(body);
}

function listenError(options: HealthOptions, thrown: unknown): BerthError {
  const where = `${options.host === "" ? "[::]" : options.host}:${options.port}`;
  const message = `cannot listen on ${where} for health and metrics: ${BerthError.from(thrown).message}; choose another port`;
  return new BerthError("os", message, { cause: thrown });
}

function errorCode(thrown: unknown): unknown {
  return thrown instanceof Error && "code" in thrown ? thrown.code : undefined;
}

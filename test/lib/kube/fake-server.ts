/** A small HTTP server in the place of an API server: answers what the test tells it, and remembers what it was asked. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer, type ServerOptions } from "node:https";
import type { AddressInfo } from "node:net";
import { KubeConfig } from "@kubernetes/client-node/dist/config.js";

export interface Seen {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

export interface FakeServer {
  readonly seen: Seen[];
  readonly connections: Set<unknown>;
  /** For TLS the cluster must say whom to trust. */
  config(user?: Record<string, unknown>, cluster?: Record<string, unknown>): KubeConfig;
  close(): Promise<void>;
}

export type Answer = (request: Seen, response: ServerResponse) => void;

/** Speaks TLS when it is told with which certificate. A port of 0 lets the kernel choose. */
export async function startFakeServer(answer: Answer, tls?: ServerOptions, atPort = 0): Promise<FakeServer> {
  const seen: Seen[] = [];
  const connections = new Set<unknown>();
  const onRequest = (request: IncomingMessage, response: ServerResponse): void => {
    read(request).then((body) => {
      const one = { method: request.method ?? "", url: request.url ?? "", headers: request.headers, body };
      seen.push(one);
      answer(one, response);
    });
  };
  const server: Server = tls === undefined ? createServer(onRequest) : createTlsServer(tls, onRequest);
  server.on("connection", (socket) => {
    connections.add(socket);
    socket.on("close", () => connections.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(atPort, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    seen,
    connections,
    config: (user = {}, cluster = { skipTLSVerify: true }) => {
      const config = new KubeConfig();
      // client-node refuses plain HTTP unless the cluster says that TLS is not to be checked.
      config.loadFromOptions({
        clusters: [{ name: "fake", server: `${tls === undefined ? "http" : "https"}://127.0.0.1:${port}`, ...cluster }],
        users: [{ name: "user", ...user }],
        contexts: [{ name: "fake", cluster: "fake", user: "user" }],
        currentContext: "fake",
      });
      return config;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

export function json(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(body));
}

async function read(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

/** Plain calls to the API server for the bench's own clients: as little as a client in Node can do. */
import { readFileSync } from "node:fs";
import type { IncomingMessage } from "node:http";
import { Agent, request } from "node:https";

export class Connection {
  readonly #agent: Agent;
  readonly #server: URL;
  readonly #headers: Record<string, string>;

  /** By a kubeconfig as the bench writes them: JSON, with everything inside. */
  constructor(kubeconfig: string, connections: number) {
    const { clusters, users } = JSON.parse(readFileSync(kubeconfig, "utf8"));
    const { server, "certificate-authority-data": authority } = clusters[0].cluster;
    const { token, "client-certificate-data": certificate, "client-key-data": key } = users[0].user;
    const decoded = (data: string): string => Buffer.from(data, "base64").toString("utf8");
    this.#server = new URL(server);
    this.#headers = {
      accept: "application/json",
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    };
    const identity = certificate === undefined ? {} : { cert: decoded(certificate), key: decoded(key) };
    this.#agent = new Agent({ keepAlive: true, maxSockets: connections, ca: decoded(authority), ...identity });
  }

  /** Rejects unless the answer is a success; what it says is not read. */
  async write(method: "POST" | "PATCH", path: string, contentType: string, body: unknown): Promise<void> {
    const text = JSON.stringify(body);
    const length = String(Buffer.byteLength(text));
    const answer = await this.#send(method, path, { "content-type": contentType, "content-length": length }, text);
    if ((answer.statusCode ?? 0) >= 300) throw new Error(`${method} ${path}: ${await textOf(answer)}`);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    answer.on("end", resolve).on("error", reject).resume();
    return promise;
  }

  /** Calls back with each line of a watch from now on, for ever. Resolves when the watch is open. */
  async watch(path: string, onLine: (line: string) => void): Promise<void> {
    const answer = await this.#send("GET", `${path}?watch=true`, {}, undefined);
    if (answer.statusCode !== 200) throw new Error(`watch of ${path}: ${await textOf(answer)}`);
    let rest = "";
    answer.setEncoding("utf8").on("data", (text: string) => {
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) onLine(line);
    });
    answer.on("error", (error: Error) => {
      throw error;
    });
  }

  #send(
    method: string,
    path: string,
    more: Record<string, string>,
    body: string | undefined,
  ): Promise<IncomingMessage> {
    const { hostname: host, port } = this.#server;
    return new Promise((resolve, reject) => {
      const options = { host, port, method, path, agent: this.#agent, headers: { ...this.#headers, ...more } };
      request(options, resolve).on("error", reject).end(body);
    });
  }
}

async function textOf(answer: IncomingMessage): Promise<string> {
  const parts: string[] = [];
  for await (const part of answer.setEncoding("utf8")) parts.push(String(part));
  return `${answer.statusCode} ${parts.join("")}`;
}

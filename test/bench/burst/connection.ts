/** Plain calls to the API server for the bench's own clients: as little as a client in Node can do. */
import { readFileSync } from "node:fs";
import { Agent, request } from "undici";

export class Connection {
  readonly #agent: Agent;
  readonly #server: string;
  readonly #headers: Record<string, string>;

  /** By a kubeconfig as the bench writes them: JSON, with everything inside. */
  constructor(kubeconfig: string, connections: number) {
    const { clusters, users } = JSON.parse(readFileSync(kubeconfig, "utf8"));
    const { server, "certificate-authority-data": authority } = clusters[0].cluster;
    const { token, "client-certificate-data": certificate, "client-key-data": key } = users[0].user;
    const decoded = (data: string): string => Buffer.from(data, "base64").toString("utf8");
    this.#server = server;
    this.#headers = {
      accept: "application/json",
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    };
    const identity = certificate === undefined ? {} : { cert: decoded(certificate), key: decoded(key) };
    this.#agent = new Agent({ connections, allowH2: false, connect: { ca: decoded(authority), ...identity } });
  }

  /** Rejects unless the answer is a success; what it says is not read. */
  async write(method: "POST" | "PATCH", path: string, contentType: string, body: unknown): Promise<void> {
    const { statusCode, body: answer } = await request(`${this.#server}${path}`, {
      method,
      headers: { ...this.#headers, "content-type": contentType },
      body: JSON.stringify(body),
      dispatcher: this.#agent,
    });
    if (statusCode >= 300) throw new Error(`${method} ${path}: ${statusCode} ${await answer.text()}`);
    await answer.dump();
  }

  /** Calls back with each line of a watch from now on, for ever. Resolves when the watch is open. */
  async watch(path: string, onLine: (line: string) => void): Promise<void> {
    const { statusCode, body } = await request(`${this.#server}${path}?watch=true`, {
      headers: this.#headers,
      dispatcher: this.#agent,
      bodyTimeout: 0,
    });
    if (statusCode !== 200) throw new Error(`watch of ${path}: ${statusCode} ${await body.text()}`);
    let rest = "";
    body.setEncoding("utf8");
    body.on("data", (text: string) => {
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) onLine(line);
    });
    body.on("error", (error: Error) => {
      throw error;
    });
  }
}

/**
 * HTTP/1.1 to the API server over Node's own client, which is in the process anyway: a second one (undici) costs 17 MiB resident,
 * 8 of them anonymous (docs/memory.md). HTTP/1.1, because on one multiplexed connection a stalled watch would hold up the
 * pulse, and share its fate.
 */
import {
  type Agent,
  type AgentOptions,
  type ClientRequest,
  Agent as HttpAgent,
  request as httpRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
} from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import type { Duplex } from "node:stream";
import { type ConnectionOptions, createSecureContext } from "node:tls";
import { KubeError } from "./errors.ts";

const CONNECT_TIMEOUT_MS = 5_000;
/** A connection without a request is closed after this time. */
const IDLE_CONNECTION_MS = 30_000;
/** After how much silence the kernel probes whether the other end of a connection is there (tcp(7), TCP_KEEPIDLE). */
const PROBE_AFTER_MS = 15_000;
/** BOUNDED: connections at once, watches included; further requests wait in the agent. */
const CONNECTIONS_MAX = 128;

/** Whom to trust and as whom to appear. */
export type TlsMaterial = Pick<ConnectionOptions, "ca" | "cert" | "key" | "servername" | "rejectUnauthorized">;

export interface HttpCall {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

/** What a stream tells: that it was refused, or chunks of an answer with status 200 and then one end. */
export interface StreamHandlers {
  readonly onRefused: (answer: HttpAnswer) => void;
  readonly onChunk: (chunk: Buffer) => void;
  /** undefined when the server ended it in order. */
  readonly onEnd: (error: Error | undefined) => void;
}

export class Transport {
  readonly #secure: boolean;
  readonly #server: { readonly host: string; readonly port: string; readonly prefix: string };
  #agent: { readonly agent: Agent; readonly material: string } | undefined;
  /** BOUNDED by the callers: the work queue's concurrency, one watch for each informer, the Leases' calls. */
  readonly #flights = new Set<Flight>();

  /** `server` is an http: or https: URL; its path goes before that of every call. Throws a TypeError when it is no URL. */
  constructor(server: string) {
    const { protocol, hostname, port, pathname } = new URL(server);
    this.#secure = protocol === "https:";
    this.#server = { host: hostname.replace(/^\[|\]$/g, ""), port, prefix: pathname.replace(/\/+$/, "") };
  }

  /** One call and its whole answer, whatever its status. Rejects with "api-timeout" after timeoutMs, or with what went wrong. */
  send(call: HttpCall, tls: TlsMaterial, timeoutMs: number): Promise<HttpAnswer> {
    return new Promise((resolve, reject) => {
      const flight = this.#start(call, tls, timeoutMs, reject);
      flight.request.on("response", (response) => {
        collect(flight, response, (answer) => {
          flight.land();
          resolve(answer);
        });
      });
      flight.request.end(call.body);
    });
  }

  /** A call whose answer never ends by itself. The result ends it; nothing is heard after that, no end either. */
  stream(call: HttpCall, tls: TlsMaterial, idleMs: number, handlers: StreamHandlers): () => void {
    const flight = this.#start(call, tls, idleMs, handlers.onEnd);
    flight.request.on("response", (response) => {
      flight.restartTimer();
      if (response.statusCode !== 200) {
        collect(flight, response, (answer) => {
          if (flight.land()) handlers.onRefused(answer);
        });
        return;
      }
      response.on("data", (chunk: Buffer) => {
        flight.restartTimer();
        if (!flight.over) handlers.onChunk(chunk);
      });
      watchEnd(flight, response, () => {
        if (flight.land()) handlers.onEnd(undefined);
      });
    });
    flight.request.end(call.body);
    return () => flight.abandon();
  }

  /** Ends every call and stream with this error and closes every connection, at once; the next call makes a new one. */
  destroy(error: Error): void {
    const agent = this.#agent?.agent;
    this.#agent = undefined;
    for (const flight of [...this.#flights]) flight.crash(error);
    if (agent === undefined) return;
    // Node makes a new connection for what waited on one that ended, though it has been given up by now.
    agent.createConnection = () => undefined;
    agent.destroy();
  }

  #start(call: HttpCall, tls: TlsMaterial, timeoutMs: number, onCrash: (error: Error) => void): Flight {
    const { host, port, prefix } = this.#server;
    const { method, body } = call;
    // Node counts the bytes of a body by itself, but not for DELETE.
    const length = body === undefined ? {} : { "content-length": String(Buffer.byteLength(body)) };
    const request = (this.#secure ? httpsRequest : httpRequest)({
      ...{ host, port, method, path: `${prefix}${call.path}`, agent: this.#agentFor(tls) },
      headers: { ...call.headers, ...length },
    });
    const timedOut = () =>
      new KubeError("api-timeout", `${method} ${call.path}: nothing was heard for ${timeoutMs} ms`);
    const forget = (): void => {
      this.#flights.delete(flight);
    };
    const flight = new Flight(
      request,
      setTimeout(() => flight.crash(timedOut()), timeoutMs),
      forget,
      onCrash,
    );
    this.#flights.add(flight);
    return flight;
  }

  #agentFor(tls: TlsMaterial): Agent {
    const material = [tls.ca, tls.cert, tls.key, tls.servername].map(String).join("\n");
    if (this.#agent?.material === material) return this.#agent.agent;
    const agent = newAgent(this.#secure ? tls : undefined);
    if (this.#agent !== undefined) retire(this.#agent.agent);
    this.#agent = { agent, material };
    return agent;
  }
}

/** One request under way. It lands, crashes or is abandoned, once. */
class Flight {
  readonly request: ClientRequest;
  readonly #timer: NodeJS.Timeout;
  readonly #forget: () => void;
  readonly #onCrash: (error: Error) => void;
  #over = false;

  constructor(request: ClientRequest, timer: NodeJS.Timeout, forget: () => void, onCrash: (error: Error) => void) {
    this.request = request;
    this.#timer = timer;
    this.#forget = forget;
    this.#onCrash = onCrash;
    // It stays there for good: what a destroyed request still says is nobody's business, but must not end the process.
    request.on("error", (error) => this.crash(error));
  }

  get over(): boolean {
    return this.#over;
  }

  restartTimer(): void {
    if (!this.#over) this.#timer.refresh();
  }

  /** The connection is whole and can be used again. False when it was over before. */
  land(): boolean {
    if (this.#over) return false;
    this.#over = true;
    clearTimeout(this.#timer);
    this.#forget();
    return true;
  }

  abandon(): boolean {
    if (!this.land()) return false;
    this.request.destroy();
    return true;
  }

  crash(error: Error): void {
    if (this.abandon()) this.#onCrash(error);
  }
}

/** BOUNDED by the time that the flight has. */
function collect(flight: Flight, response: IncomingMessage, done: (answer: HttpAnswer) => void): void {
  const chunks: Buffer[] = [];
  response.on("data", (chunk: Buffer) => chunks.push(chunk));
  watchEnd(flight, response, () => {
    const text = Buffer.concat(chunks).toString("utf8");
    done({ status: response.statusCode ?? 0, headers: response.headers, text });
  });
}

function watchEnd(flight: Flight, response: IncomingMessage, onEnd: () => void): void {
  response.on("end", onEnd);
  response.on("error", (error) => flight.crash(error));
  response.on("close", () => flight.crash(new Error("the connection closed within an answer")));
}

function newAgent(tls: TlsMaterial | undefined): Agent {
  const options: AgentOptions = {
    keepAlive: true,
    keepAliveMsecs: PROBE_AFTER_MS,
    maxSockets: CONNECTIONS_MAX,
    timeout: IDLE_CONNECTION_MS,
  };
  const agent = tls === undefined ? new HttpAgent(options) : new HttpsAgent({ ...options, ...tlsOptions(tls) });
  const connect = agent.createConnection.bind(agent);
  agent.createConnection = (to, callback) => {
    const socket = connect(to, callback);
    if (socket) limitConnect(socket, tls === undefined ? "connect" : "secureConnect");
    return socket;
  };
  return agent;
}

/** One context for all connections: each would read the certificates anew and keep them. */
function tlsOptions({ ca, cert, key, servername, rejectUnauthorized }: TlsMaterial) {
  const material = {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  };
  return {
    secureContext: createSecureContext(material),
    ...(servername === undefined ? {} : { servername }),
    ...(rejectUnauthorized === undefined ? {} : { rejectUnauthorized }),
  };
}

function limitConnect(socket: Duplex, connected: "connect" | "secureConnect"): void {
  const error = new KubeError("api-timeout", `no connection to the API server within ${CONNECT_TIMEOUT_MS} ms`);
  const timer = setTimeout(() => socket.destroy(error), CONNECT_TIMEOUT_MS);
  const stop = (): void => clearTimeout(timer);
  socket.once(connected, stop).once("close", stop);
}

/** A rotated certificate: requests under way end in peace, nothing new goes over these connections. */
function retire(agent: Agent): void {
  agent.maxFreeSockets = 0;
  for (const sockets of Object.values(agent.freeSockets)) for (const socket of sockets ?? []) socket.destroy();
}

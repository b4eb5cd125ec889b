/**
 * KubeApi over @kubernetes/client-node: its KubeConfig for configuration and credentials, its Watch for watches, plain
 * JSON over undici for the rest. Deep imports, because the package's index loads every model of the Kubernetes API.
 *
 * All connections belong to one undici Agent of ours, so that a failed pulse can close every one of them at once
 * (election.md section 2): a connection whose other end died without a word stays open for minutes otherwise.
 */
import { existsSync } from "node:fs";
import type { RequestOptions as HttpsOptions } from "node:https";
import { KubeConfig } from "@kubernetes/client-node/dist/config.js";
import type { RequestContext } from "@kubernetes/client-node/dist/gen/http/http.js";
import { Watch } from "@kubernetes/client-node/dist/watch.js";
import { Agent, request } from "undici";
import { BerthError } from "../runtime/errors.ts";
import type { Logger } from "../runtime/log.ts";
import { counter, histogram } from "../runtime/metrics.ts";
import type { Json, KubeApi, PatchType, RequestOptions, WatchHandle, WatchHandlers } from "./api.ts";
import { errorFromStatus, errorFromThrown, KubeError } from "./errors.ts";
import { OpenWatch } from "./open-watch.ts";

/** How long a request may take unless its caller says otherwise. */
const REQUEST_TIMEOUT_MS = 10_000;
/**
 * The net below the reflector, which itself takes a watch for dead after 90 s without an event: this one also sees a
 * connection that never got as far as an answer. client-node's own 30 s would end every quiet watch, because the API
 * server sends bookmarks about once a minute.
 */
const WATCH_IDLE_MS = 100_000;
const CONNECT_TIMEOUT_MS = 5_000;
/** Credentials and certificates are read again after this time: bound service account tokens and CAs rotate. */
const CREDENTIALS_MS = 10_000;
/** BOUNDED: connections at once, watches included; further requests wait in the agent. */
const CONNECTIONS_MAX = 128;

const CONTENT_TYPE: Record<PatchType | "plain", string> = {
  json: "application/json-patch+json",
  merge: "application/merge-patch+json",
  apply: "application/apply-patch+yaml",
  plain: "application/json",
};

const requests = counter(
  "berth_api_requests_total",
  "Calls to the API server, by verb and HTTP status or error code.",
  ["verb", "result"],
);
const seconds = histogram("berth_api_request_seconds", "Duration of calls to the API server.", ["verb"]);

type Verb = "get" | "create" | "replace" | "patch" | "delete";
const METHOD = { get: "GET", create: "POST", replace: "PUT", patch: "PATCH", delete: "DELETE" } as const;

export interface KubeApiOptions {
  readonly config: KubeConfig;
  /** `berth-speaker/0.1.0`: the API server derives the field manager from the part before the slash. */
  readonly userAgent: string;
  readonly log: Logger;
  /** Milliseconds without a byte after which a watch ends with "api-timeout". Default 100,000. */
  readonly watchIdleMs?: number;
}

/**
 * The configuration of a program: the given kubeconfig file, else the pod's service account, else KUBECONFIG or
 * ~/.kube/config. Throws "bad-config" when it cannot be read or names no cluster.
 */
export function loadKubeConfig(kubeconfig: string | undefined): KubeConfig {
  const config = new KubeConfig();
  try {
    if (kubeconfig !== undefined && kubeconfig !== "") config.loadFromFile(kubeconfig);
    else if (isInCluster()) config.loadFromCluster();
    else config.loadFromDefault();
  } catch (thrown) {
    const message = BerthError.from(thrown).message;
    throw new BerthError("bad-config", `cannot read the kubeconfig: ${message}`, { cause: thrown });
  }
  const cluster = config.getCurrentCluster();
  if (cluster === null) throw new BerthError("bad-config", "the kubeconfig has no current context with a cluster");
  if (cluster.proxyUrl) throw new BerthError("bad-config", "proxy-url in the kubeconfig is not supported");
  return config;
}

export function createKubeApi(options: KubeApiOptions): KubeApi {
  return new Client(options);
}

function isInCluster(): boolean {
  const token = "/var/run/secrets/kubernetes.io/serviceaccount/token";
  return Boolean(process.env["KUBERNETES_SERVICE_HOST"]) && existsSync(token);
}

interface Credentials {
  readonly headers: Record<string, string>;
  readonly tls: HttpsOptions;
}

/** Hands our agent and our cached headers to client-node's Watch, which asks its configuration for both at each watch. */
class SharedConfig extends KubeConfig {
  readonly #client: Client;

  constructor(client: Client, config: KubeConfig) {
    super();
    this.#client = client;
    this.loadFromOptions(config);
  }

  override async applySecurityAuthentication(context: RequestContext): Promise<void> {
    const { agent, headers } = await this.#client.session();
    for (const [name, value] of Object.entries(headers)) context.setHeaderParam(name, value);
    context.setDispatcher(agent);
  }
}

class Client implements KubeApi {
  readonly #options: KubeApiOptions;
  readonly #server: string;
  readonly #watch: Watch;
  #config: KubeConfig;
  /** BOUNDED: one per open watch of the program's informers. */
  readonly #watches = new Set<OpenWatch>();
  #agent: { readonly agent: Agent; readonly material: string } | undefined;
  #credentials: Promise<Credentials> | undefined;
  #credentialsMs = 0;

  constructor(options: KubeApiOptions) {
    this.#options = options;
    this.#server = options.config.getCurrentCluster()?.server.replace(/\/+$/, "") ?? "";
    this.#config = options.config;
    this.#watch = new Watch(new SharedConfig(this, options.config));
    // A private field of client-node's class, without a setter; its test in this repository notices when it goes.
    Object.assign(this.#watch, { requestTimeoutMs: options.watchIdleMs ?? WATCH_IDLE_MS });
  }

  get(path: string, options?: RequestOptions): Promise<Json> {
    return this.#call("get", path, undefined, CONTENT_TYPE.plain, options);
  }
  create(path: string, body: Json, options?: RequestOptions): Promise<Json> {
    return this.#call("create", path, body, CONTENT_TYPE.plain, options);
  }
  replace(path: string, body: Json, options?: RequestOptions): Promise<Json> {
    return this.#call("replace", path, body, CONTENT_TYPE.plain, options);
  }
  patch(path: string, type: PatchType, body: Json, options?: RequestOptions): Promise<Json> {
    return this.#call("patch", path, body, CONTENT_TYPE[type], options);
  }
  delete(path: string, body?: Json, options?: RequestOptions): Promise<Json> {
    return this.#call("delete", path, body, CONTENT_TYPE.plain, options);
  }

  watch(path: string, query: Readonly<Record<string, string>>, handlers: WatchHandlers): WatchHandle {
    const open = new OpenWatch(handlers, () => this.#watches.delete(open));
    this.#watches.add(open);
    open.start((onEvent, onDone) => this.#watch.watch(path, query, onEvent, onDone));
    return open;
  }

  closeConnections(): void {
    const dead = this.#agent?.agent;
    this.#agent = undefined;
    this.#forgetCredentials();
    const error = new KubeError("api-unreachable", "all connections to the API server were closed");
    for (const open of [...this.#watches]) open.end(error);
    dead?.destroy(error).catch((thrown: unknown) => {
      this.#options.log.warn({ error: BerthError.from(thrown) }, "closing connections failed");
    });
  }

  /** The agent and the headers of the next request. */
  async session(): Promise<{ agent: Agent; headers: Record<string, string> }> {
    const { headers, tls } = await this.#currentCredentials();
    return { agent: this.#currentAgent(tls), headers };
  }

  #currentCredentials(): Promise<Credentials> {
    const now = performance.now();
    if (this.#credentials === undefined || now - this.#credentialsMs > CREDENTIALS_MS) {
      this.#credentialsMs = now;
      const reading = readCredentials(this.#config, this.#options.userAgent);
      // A failure must not be kept: the file may be there the next time.
      reading.catch(() => {
        if (this.#credentials === reading) this.#credentials = undefined;
      });
      this.#credentials = reading;
    }
    return this.#credentials;
  }

  /** client-node keeps a token file's content for a minute; a fresh configuration reads it at once. */
  #forgetCredentials(): void {
    this.#credentials = undefined;
    this.#config = new KubeConfig();
    this.#config.loadFromOptions(this.#options.config);
  }

  #currentAgent(tls: HttpsOptions): Agent {
    const material = [tls.ca, tls.cert, tls.key, tls.servername].map(String).join("\n");
    if (this.#agent?.material === material) return this.#agent.agent;
    // A rotated certificate: requests under way end in peace, new ones use the new one.
    this.#agent?.agent.close().catch(() => {});
    this.#agent = { agent: newAgent(tls), material };
    return this.#agent.agent;
  }

  async #call(verb: Verb, path: string, body: Json | undefined, type: string, options?: RequestOptions): Promise<Json> {
    const started = performance.now();
    let result = "internal";
    try {
      const value = await this.#send(verb, path, body, type, options ?? {});
      result = "ok";
      return value;
    } catch (thrown) {
      const error = errorFromThrown(thrown, `${METHOD[verb]} ${path}`);
      result = error.status === undefined ? error.code : String(error.status);
      throw error;
    } finally {
      requests.inc({ verb, result });
      seconds.observe({ verb }, (performance.now() - started) / 1000);
    }
  }

  async #send(verb: Verb, path: string, body: Json | undefined, type: string, options: RequestOptions): Promise<Json> {
    const timeoutMs = options.timeoutMs ?? REQUEST_TIMEOUT_MS;
    const signal = AbortSignal.timeout(timeoutMs);
    const { agent, headers } = await this.session();
    const response = await request(`${this.#server}${path}`, {
      method: METHOD[verb],
      query: options.query ?? {},
      headers: { ...headers, accept: "application/json", ...(body === undefined ? {} : { "content-type": type }) },
      body: body === undefined ? null : JSON.stringify(body),
      dispatcher: agent,
      signal,
    });
    const text = await response.body.text();
    const { statusCode } = response;
    if (statusCode === 401) this.#forgetCredentials();
    if (statusCode >= 200 && statusCode < 300) return JSON.parse(text) as Json;
    throw errorFromStatus(statusCode, parseOrNothing(text), oneHeader(response.headers["retry-after"]));
  }
}

async function readCredentials(config: KubeConfig, userAgent: string): Promise<Credentials> {
  const tls: HttpsOptions = {};
  await config.applyToHTTPSOptions(tls);
  const headers: Record<string, string> = { "user-agent": userAgent };
  for (const [name, value] of Object.entries(tls.headers ?? {})) headers[name] = String(value).trim();
  if (tls.auth) headers["Authorization"] = `Basic ${Buffer.from(tls.auth).toString("base64")}`;
  return { headers, tls };
}

function newAgent(tls: HttpsOptions): Agent {
  return new Agent({
    connections: CONNECTIONS_MAX,
    // HTTP/1.1: on one multiplexed connection a stalled watch would hold up the pulse, and share its fate.
    allowH2: false,
    keepAliveTimeout: 30_000,
    connect: {
      timeout: CONNECT_TIMEOUT_MS,
      keepAlive: true,
      keepAliveInitialDelay: 15_000,
      ...(tls.ca === undefined ? {} : { ca: tls.ca }),
      ...(tls.cert === undefined ? {} : { cert: tls.cert }),
      ...(tls.key === undefined ? {} : { key: tls.key }),
      ...(tls.servername === undefined ? {} : { servername: tls.servername }),
      ...(tls.rejectUnauthorized === undefined ? {} : { rejectUnauthorized: tls.rejectUnauthorized }),
    },
  });
}

function parseOrNothing(text: string): Json | undefined {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return undefined;
  }
}

function oneHeader(value: string | string[] | undefined): string | undefined {
  return typeof value === "string" ? value : value?.[0];
}

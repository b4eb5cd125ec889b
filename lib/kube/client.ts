/**
 * KubeApi over @kubernetes/client-node: its KubeConfig for configuration and credentials, plain JSON over lib/kube/transport.ts
 * for calls and watches. A deep import, because the package's index loads every model of the Kubernetes API.
 *
 * All connections belong to one transport of ours, so that a failed pulse can close every one of them at once
 * (election.md section 2): a connection whose other end died without a word stays open for minutes otherwise.
 */
import { existsSync } from "node:fs";
import type { RequestOptions as HttpsOptions } from "node:https";
import { KubeConfig } from "@kubernetes/client-node/dist/config.js";
import { BerthError } from "../runtime/errors.ts";
import { counter, histogram } from "../runtime/metrics.ts";
import type { Json, KubeApi, PatchType, RequestOptions, WatchHandle, WatchHandlers } from "./api.ts";
import { errorFromStatus, errorFromThrown, KubeError } from "./errors.ts";
import { OpenWatch } from "./open-watch.ts";
import { type HttpAnswer, type TlsMaterial, Transport } from "./transport.ts";

/** How long a request may take unless its caller says otherwise. */
const REQUEST_TIMEOUT_MS = 10_000;
/**
 * The net below the reflector, which itself takes a watch for dead after 90 s without an event: this one also sees a
 * connection that never got as far as an answer.
 */
const WATCH_IDLE_MS = 100_000;
/** Credentials and certificates are read again after this time: bound service account tokens and CAs rotate. */
const CREDENTIALS_MS = 10_000;

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
  /** Milliseconds without a byte after which a watch ends with "api-timeout". Default 100,000. */
  readonly watchIdleMs?: number;
}

/**
 * The configuration of a program: the given kubeconfig file, else the pod's service account, else KUBECONFIG or
 * ~/.kube/config. Throws "bad-config" when it cannot be read, names no cluster, or asks for a proxy or another program.
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
  refuseHelpers(config);
  return config;
}

/** Ways to log in that run another program, which the image does not have, or ask a person. */
function refuseHelpers(config: KubeConfig): void {
  const user = config.getCurrentUser();
  const provider = user?.authProvider;
  const asked = user?.exec
    ? "exec"
    : provider && !provider.config?.tokenFile
      ? `auth-provider ${provider.name}`
      : undefined;
  if (asked === undefined) return;
  const way = "give a token, a token file or a client certificate";
  throw new BerthError("bad-config", `the kubeconfig's user logs in by ${asked}, which is not supported: ${way}`);
}

export function createKubeApi(options: KubeApiOptions): KubeApi {
  return new Client(options);
}

function isInCluster(): boolean {
  const token = "/var/run/secrets/kubernetes.io/serviceaccount/token";
  return Boolean(process.env["KUBERNETES_SERVICE_HOST"]) && existsSync(token);
}

interface Credentials {
  readonly headers: Readonly<Record<string, string>>;
  readonly tls: TlsMaterial;
}

class Client implements KubeApi {
  readonly #options: KubeApiOptions;
  readonly #transport: Transport;
  #config: KubeConfig;
  /** BOUNDED: one per open watch of the program's informers. */
  readonly #watches = new Set<OpenWatch>();
  #credentials: Promise<Credentials> | undefined;
  #credentialsMs = 0;

  constructor(options: KubeApiOptions) {
    this.#options = options;
    this.#transport = new Transport(options.config.getCurrentCluster()?.server ?? "");
    this.#config = options.config;
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
    this.#openWatch(open, withQuery(path, { watch: "true", ...query })).catch((thrown: unknown) => {
      open.end(errorFromThrown(thrown, "watch"));
    });
    return open;
  }

  closeConnections(): void {
    this.#forgetCredentials();
    const error = new KubeError("api-unreachable", "all connections to the API server were closed");
    for (const open of [...this.#watches]) open.end(error);
    this.#transport.destroy(error);
  }

  async #openWatch(open: OpenWatch, path: string): Promise<void> {
    const { headers, tls } = await this.#currentCredentials();
    if (open.ended) return;
    const call = { method: "GET", path, headers: { ...headers, accept: "application/json" } };
    const disconnect = this.#transport.stream(call, tls, this.#options.watchIdleMs ?? WATCH_IDLE_MS, {
      onChunk: (chunk) => open.chunk(chunk),
      onRefused: (answer) => open.end(this.#refusal(answer)),
      onEnd: (error) => open.end(error === undefined ? undefined : errorFromThrown(error, "watch")),
    });
    open.connected(disconnect);
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
    const { headers, tls } = await this.#currentCredentials();
    const call = {
      method: METHOD[verb],
      path: withQuery(path, options.query ?? {}),
      headers: { ...headers, accept: "application/json", ...(body === undefined ? {} : { "content-type": type }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    };
    const answer = await this.#transport.send(call, tls, options.timeoutMs ?? REQUEST_TIMEOUT_MS);
    if (answer.status >= 200 && answer.status < 300) return JSON.parse(answer.text) as Json;
    throw this.#refusal(answer);
  }

  #refusal({ status, headers, text }: HttpAnswer): KubeError {
    if (status === 401) this.#forgetCredentials();
    return errorFromStatus(status, parseOrNothing(text), headers["retry-after"]);
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

function withQuery(path: string, query: Readonly<Record<string, string>>): string {
  const text = new URLSearchParams(query).toString();
  return text === "" ? path : `${path}?${text}`;
}

function parseOrNothing(text: string): Json | undefined {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return undefined;
  }
}

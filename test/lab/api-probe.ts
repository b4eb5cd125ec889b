import { readFileSync } from "node:fs";
import { type RequestOptions, request } from "node:https";
import { join } from "node:path";
import { BerthError } from "../../lib/runtime/errors.ts";
import { pkiDir } from "./paths.ts";
import { apiPort, outsideLink } from "./plan.ts";

export interface ApiAnswer {
  readonly status: number;
  readonly body: string;
}

/** One GET to the lab's API as its admin: cheap enough to poll with. BerthError "api-unreachable" or "api-refused". */
export async function apiGet(path: string, timeoutMs = 2000): Promise<string> {
  const { status, body } = await ask({ method: "GET", path, timeout: timeoutMs, ...adminPair() });
  if (status === 200) return body;
  throw new BerthError("api-refused", `GET ${path}: ${status} ${body.slice(0, 300)}`);
}

/** One merge patch by whoever the token belongs to, which may have no right to read; the server's answer, whatever it is. */
export function apiPatchAs(token: string, path: string, patch: object): Promise<ApiAnswer> {
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/merge-patch+json" };
  return ask({ method: "PATCH", path, timeout: 10_000, headers }, JSON.stringify(patch));
}

function adminPair(): RequestOptions {
  return { cert: readFileSync(join(pkiDir, "admin.crt")), key: readFileSync(join(pkiDir, "admin.key")) };
}

function ask(options: RequestOptions, sent = ""): Promise<ApiAnswer> {
  const ca = readFileSync(join(pkiDir, "ca.crt"));
  return new Promise((resolve, reject) => {
    const failed = (cause: unknown): void => {
      const why = `the lab's API does not answer: ${BerthError.from(cause).message}`;
      reject(new BerthError("api-unreachable", why, { cause }));
    };
    const call = request(
      { host: outsideLink.controlPlane, port: apiPort, ca, agent: false, ...options },
      (response) => {
        let body = "";
        response.setEncoding("utf8").on("data", (chunk: string) => {
          body += chunk;
        });
        response.on("error", failed).on("end", () => resolve({ status: response.statusCode ?? 0, body }));
      },
    );
    call.on("timeout", () => call.destroy(new Error(`no answer within ${options.timeout} ms`)));
    call.on("error", failed).end(sent);
  });
}

interface NodeView {
  readonly metadata: { readonly name: string };
  readonly spec: { readonly taints?: readonly { readonly key: string }[] };
  readonly status: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
}

/** Names of nodes that are Ready and that the scheduler may use: their start-up taints are gone. Pure. */
export function readyNodes(nodeList: string): string[] {
  const { items } = JSON.parse(nodeList) as { items: readonly NodeView[] };
  return items
    .filter((node) => node.status.conditions?.some(({ type, status }) => type === "Ready" && status === "True"))
    .filter((node) => !node.spec.taints?.some(({ key }) => key.startsWith("node.kubernetes.io/")))
    .map((node) => node.metadata.name)
    .sort();
}

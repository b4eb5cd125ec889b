import { readFileSync } from "node:fs";
import { request } from "node:https";
import { join } from "node:path";
import { BerthError } from "../../lib/runtime/errors.ts";
import { pkiDir } from "./paths.ts";
import { apiPort, outsideLink } from "./plan.ts";

/** One GET to the lab's API as its admin: cheap enough to poll with. BerthError "api-unreachable" or "api-refused". */
export function apiGet(path: string, timeoutMs = 2000): Promise<string> {
  const pki = (file: string): Buffer => readFileSync(join(pkiDir, file));
  return new Promise((resolve, reject) => {
    const failed = (cause: unknown): void => {
      reject(
        new BerthError("api-unreachable", `the lab's API does not answer: ${BerthError.from(cause).message}`, {
          cause,
        }),
      );
    };
    const call = request(
      {
        host: outsideLink.controlPlane,
        port: apiPort,
        path,
        ca: pki("ca.crt"),
        cert: pki("admin.crt"),
        key: pki("admin.key"),
        agent: false,
        timeout: timeoutMs,
      },
      (response) => {
        let body = "";
        response.setEncoding("utf8").on("data", (chunk: string) => {
          body += chunk;
        });
        response.on("error", failed).on("end", () => {
          if (response.statusCode === 200) return resolve(body);
          reject(new BerthError("api-refused", `GET ${path}: ${response.statusCode} ${body.slice(0, 300)}`));
        });
      },
    );
    call.on("timeout", () => call.destroy(new Error(`no answer within ${timeoutMs} ms`)));
    call.on("error", failed).end();
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

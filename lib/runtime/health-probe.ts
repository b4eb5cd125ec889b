/** Asks another program of this node for its health. */
import { get } from "node:http";

/**
 * GET without a proxy or a connection that is kept. The status; "refused" when nothing listens or the address is not there;
 * "failed" for no answer within `timeoutMs` or one that is no HTTP. Never rejects.
 */
export function probeHealth(
  host: string,
  port: number,
  path: string,
  timeoutMs: number,
): Promise<number | "refused" | "failed"> {
  return new Promise((resolve) => {
    const signal = AbortSignal.timeout(timeoutMs);
    const request = get({ host, port, path, agent: false, signal }, (response) => {
      resolve(response.statusCode ?? "failed");
      response.destroy();
    });
    request.on("error", (error: NodeJS.ErrnoException) => resolve(isAbsence(error.code) ? "refused" : "failed"));
  });
}

/** A host without IPv6 on its loopback has no ::1 to connect to: nobody listens there either. */
function isAbsence(code: string | undefined): boolean {
  return code === "ECONNREFUSED" || code === "EADDRNOTAVAIL" || code === "ENETUNREACH" || code === "EAFNOSUPPORT";
}

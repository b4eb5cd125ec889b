/** Is a host there? One ICMP or ICMPv6 echo through raw-socket, for the uplink check. Needs NET_RAW. */
import { AddressFamily, createSocket, Protocol, type RawSocket, SocketLevel, SocketOption } from "raw-socket";
import { formatIp, type Ip } from "../../lib/address/ip.ts";
import { fail, ok, type Result } from "../../lib/runtime/result.ts";
import { type Echo, encodeEchoRequest, isEchoReply } from "../packet/icmp-echo.ts";

export type PingFailure = "timeout" | "send-failed" | "not-permitted";

export interface Pong {
  readonly roundTripMs: number;
}

/** Counts requests of this process; with the process id it tells our answers from those to other programs. */
let requests = 0;

/**
 * Resolves with the round trip, or with why there is none; never rejects. Other ICMP messages are ignored. With the name of an
 * interface the echo leaves by it and is heard on it alone, which a link-local target needs, and which no route can bend.
 */
export function ping(target: Ip, timeoutMs: number, name = ""): Promise<Result<Pong, PingFailure>> {
  requests++;
  const echo: Echo = { family: target.family, identifier: process.pid & 0xffff, sequence: requests & 0xffff };
  const socket = openSocket(target.family);
  if (socket === undefined) return Promise.resolve(fail("not-permitted"));
  if (name !== "" && !bindTo(socket, name)) {
    socket.close();
    return Promise.resolve(fail("send-failed"));
  }
  return new Promise((resolve) => {
    const startedAt = performance.now();
    const finish = (result: Result<Pong, PingFailure>) => {
      clearTimeout(timer);
      socket.removeAllListeners();
      // The package emits "error" for what happens while it closes; nobody waits for that any more.
      socket.on("error", () => {});
      socket.close();
      resolve(result);
    };
    const timer = setTimeout(() => finish(fail("timeout")), timeoutMs);
    const wanted = formatIp(target);
    socket.on("message", (bytes: Buffer, source: string) => {
      if (source === wanted && isEchoReply(bytes, echo)) finish(ok({ roundTripMs: performance.now() - startedAt }));
    });
    socket.on("error", () => finish(fail("send-failed")));
    const request = Buffer.from(encodeEchoRequest(echo));
    socket.send(request, 0, request.length, wanted, (error) => {
      if (error !== null) finish(fail("send-failed"));
    });
  });
}

function openSocket(family: 4 | 6): RawSocket | undefined {
  try {
    return family === 4
      ? createSocket({ addressFamily: AddressFamily.IPv4, protocol: Protocol.ICMP })
      : createSocket({ addressFamily: AddressFamily.IPv6, protocol: Protocol.ICMPv6 });
  } catch {
    return undefined;
  }
}

/** False for an interface that is not there. */
function bindTo(socket: RawSocket, name: string): boolean {
  const text = Buffer.from(`${name}\0`);
  try {
    socket.setOption(SocketLevel.SOL_SOCKET, SocketOption.SO_BINDTODEVICE, text, text.length);
    return true;
  } catch {
    return false;
  }
}

/** The part of raw-socket 1.8 that Berth uses; the package has no types of its own. */
declare module "raw-socket" {
  import type { EventEmitter } from "node:events";

  export interface RawSocket extends EventEmitter {
    send(
      buffer: Buffer,
      offset: number,
      length: number,
      address: string,
      callback: (error: Error | null, bytes: number) => void,
    ): this;
    close(): this;
    /** Throws what the kernel says. */
    setOption(level: number, option: number, value: Buffer, length: number): void;
  }
  export const SocketLevel: { readonly SOL_SOCKET: number };
  /** Of Linux; undefined elsewhere. */
  export const SocketOption: { readonly SO_BINDTODEVICE: number };
  export const AddressFamily: { readonly IPv4: number; readonly IPv6: number };
  export const Protocol: { readonly ICMP: number; readonly ICMPv6: number };
  /** Throws without NET_RAW. */
  export function createSocket(options: { readonly protocol: number; readonly addressFamily: number }): RawSocket;
}

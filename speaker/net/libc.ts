/**
 * The system calls of the frame worker, through koffi (libc of the host, 64-bit Linux, little endian).
 *
 * Koffi passes a Uint8Array as the address of its memory and keeps it alive for the call. An address that is stored
 * inside another structure (iovec, msghdr, sock_fprog) keeps nothing alive: whoever builds such a structure holds
 * references to everything it points to for as long as it is used.
 */
import koffi from "koffi";
import { BerthError } from "../../lib/runtime/errors.ts";

export const AF_INET6 = 10;
export const AF_NETLINK = 16;
export const AF_PACKET = 17;
export const SOCK_DGRAM = 2;
export const SOCK_RAW = 3;
export const SOCK_NONBLOCK = 0o4000;
export const SOCK_CLOEXEC = 0o2000000;
export const SOL_SOCKET = 1;
export const SO_RCVBUF = 8;
export const SO_ATTACH_FILTER = 26;
export const SOL_PACKET = 263;
export const PACKET_ADD_MEMBERSHIP = 1;
export const PACKET_DROP_MEMBERSHIP = 2;
export const PACKET_STATISTICS = 6;
export const MSG_DONTWAIT = 0x40;
export const MSG_TRUNC = 0x20;
export const POLLIN = 1;
export const POLLERR = 8;

export const EINTR = 4;
export const EAGAIN = 11;
export const ENODEV = 19;
export const ENXIO = 6;
export const ENETDOWN = 100;
export const ENOBUFS = 105;
export const EADDRNOTAVAIL = 99;

/** CLOCK_BOOTTIME of clock_gettime(2): monotonic, and it goes on while the machine is suspended. */
const CLOCK_BOOTTIME = 7;

type Memory = Uint8Array | null;
/** The functions take numbers and memory and return a number, -1 for an error. */
interface Calls {
  socket(domain: number, type: number, protocol: number): number;
  bind(fd: number, address: Memory, length: number): number;
  getsockname(fd: number, address: Memory, length: Memory): number;
  setsockopt(fd: number, level: number, option: number, value: Memory, length: number): number;
  getsockopt(fd: number, level: number, option: number, value: Memory, length: Memory): number;
  recv(fd: number, buffer: Memory, length: number, flags: number): number;
  send(fd: number, buffer: Memory, length: number, flags: number): number;
  recvmmsg(fd: number, messages: Memory, count: number, flags: number, timeout: Memory): number;
  sendmmsg(fd: number, messages: Memory, count: number, flags: number): number;
  poll(fds: Memory, count: number, timeoutMs: number): number;
  eventfd(initial: number, flags: number): number;
  read(fd: number, buffer: Memory, length: number): number;
  close(fd: number): number;
  clock_gettime(clock: number, time: Memory): number;
  _exit(code: number): void;
}

/** Loads the functions. Throws BerthError `os` on a machine whose structures have another layout. */
function loadCalls(): Calls {
  if (process.platform !== "linux" || !["x64", "arm64"].includes(process.arch)) {
    throw new BerthError(
      "os",
      `the speaker runs on 64-bit Linux (x64, arm64), not on ${process.platform} ${process.arch}`,
    );
  }
  const libc = koffi.load(null);
  return {
    socket: libc.func("int socket(int, int, int)"),
    bind: libc.func("int bind(int, void *, uint32_t)"),
    getsockname: libc.func("int getsockname(int, void *, void *)"),
    setsockopt: libc.func("int setsockopt(int, int, int, void *, uint32_t)"),
    getsockopt: libc.func("int getsockopt(int, int, int, void *, void *)"),
    recv: libc.func("long recv(int, void *, size_t, int)"),
    send: libc.func("long send(int, void *, size_t, int)"),
    recvmmsg: libc.func("int recvmmsg(int, void *, uint32_t, int, void *)"),
    sendmmsg: libc.func("int sendmmsg(int, void *, uint32_t, int)"),
    poll: libc.func("int poll(void *, unsigned long, int)"),
    eventfd: libc.func("int eventfd(uint32_t, int)"),
    read: libc.func("long read(int, void *, size_t)"),
    close: libc.func("int close(int)"),
    clock_gettime: libc.func("int clock_gettime(int, void *)"),
    _exit: libc.func("void _exit(int)"),
  };
}

export const libc: Calls = loadCalls();

export function errno(): number {
  return koffi.errno();
}

/** The address of the first byte, for a structure that points to it. See the note at the head of this file. */
export function addressOf(memory: Uint8Array): bigint {
  return koffi.address(memory);
}

/** Throws BerthError `os`, naming the call and errno, when the call failed; else returns its result. */
export function check(call: string, result: number): number {
  if (result >= 0) return result;
  const number = errno();
  const name = Object.entries(koffi.os.errno).find(([, value]) => value === number)?.[0] ?? `errno ${number}`;
  const hint = name === "EPERM" || name === "EACCES" ? "; the speaker needs the capability NET_RAW" : "";
  throw new BerthError("os", `${call}: ${name}${hint}`);
}

const time = new Uint8Array(16);
const timeView = new DataView(time.buffer);

/** Milliseconds of CLOCK_BOOTTIME, with their fraction. Seconds are read as 32 bits: enough for 136 years of uptime. */
export function bootMs(): number {
  libc.clock_gettime(CLOCK_BOOTTIME, time);
  return timeView.getUint32(0, true) * 1000 + timeView.getUint32(8, true) / 1e6;
}

/**
 * Ends the process at once, _exit(2): no handler runs, no thread is waited for. `process.exit` waits for the worker, for ever if that
 * hangs in a system call; and a process that is the first of its container cannot kill itself by a signal (pid_namespaces(7)).
 */
export function endProcess(code: number): void {
  libc._exit(code);
}

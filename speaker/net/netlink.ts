/**
 * Messages of rtnetlink (netlink(7), rtnetlink(7)), in the byte order of the host.
 *
 *     struct nlmsghdr            RTM_*LINK: struct ifinfomsg     RTM_*ADDR: struct ifaddrmsg     struct rtattr
 *      0  u32 length             16  u8 family                   16  u8 family                   0  u16 length
 *      4  u16 type               18  u16 device type (ARPHRD)    17  u8 prefix length            2  u16 type
 *      6  u16 flags              20  i32 index                   20  u32 index                   4  value, to 4 bytes
 *      8  u32 sequence           24  u32 flags (IFF)             24  attributes
 *     12  u32 port               32  attributes
 */
import { formatIp, ipFromBytes } from "../../lib/address/ip.ts";
import { formatMac } from "../../lib/address/mac.ts";
import { fail, ok, type Result } from "../../lib/runtime/result.ts";

export const RTM_NEWLINK = 16;
export const RTM_DELLINK = 17;
export const RTM_GETLINK = 18;
export const RTM_NEWADDR = 20;
export const RTM_DELADDR = 21;
export const RTM_GETADDR = 22;
const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;
const NLM_F_REQUEST = 1;
const NLM_F_DUMP = 0x300;
const NLM_F_DUMP_INTR = 0x10;

const HEADER_BYTES = 16;
const IFINFO_BYTES = 16;
const IFADDR_BYTES = 8;
const IFLA = { ADDRESS: 1, IFNAME: 3, MASTER: 10, WIRELESS: 11, LINKINFO: 18, EXT_MASK: 29, EVENT: 44 };
const IFLA_INFO_KIND = 1;
const RTEXT_FILTER_SKIP_STATS = 8;
const IFA = { ADDRESS: 1, LOCAL: 2, FLAGS: 8, RT_PRIORITY: 9 };
/** Of an IPv6 address; the same bit is IFA_F_SECONDARY of an IPv4 one, which is as lasting as the first. */
const IFA_F_TEMPORARY = 0x01;
const IFA_F_TENTATIVE = 0x40;
const IFA_F_DADFAILED = 0x08;
/**
 * IFLA_EVENT_BONDING_FAILOVER, IFLA_EVENT_NOTIFY_PEERS and IFLA_EVENT_IGMP_RESEND: what stands behind the link is another port of a
 * switch, which has to be told of neighbours and groups.
 */
const REJOIN_EVENTS = [3, 4, 5];
const NLA_TYPE_MASK = 0x3fff;

export interface LinkMessage {
  readonly type: "link";
  readonly index: number;
  readonly name: string;
  /** "" when the device has no Ethernet address. */
  readonly mac: string;
  /** Index of the owning device, 0 for none. */
  readonly master: number;
  readonly kind: string;
  /** ARPHRD_*. */
  readonly deviceType: number;
  /** IFF_*. */
  readonly flags: number;
  /** The kernel says that switches have to be told anew, as after the failover of a bond (IFLA_EVENT). */
  readonly isMoved: boolean;
}

export interface AddressMessage {
  readonly type: "address" | "address-gone";
  readonly index: number;
  readonly address: string;
  readonly prefixLength: number;
  readonly metric: number;
  readonly tentative?: true;
  readonly temporary?: true;
}

export type NetlinkMessage =
  | LinkMessage
  | { readonly type: "link-gone"; readonly index: number }
  | AddressMessage
  /** End of a dump; `interrupted`: something changed meanwhile, and the dump must be asked for again. */
  | { readonly type: "done"; readonly sequence: number; readonly interrupted: boolean }
  | { readonly type: "error"; readonly sequence: number; readonly errno: number }
  | { readonly type: "other" };

export type NetlinkDrop = "netlink-short" | "netlink-length" | "netlink-attribute";

/** A dump request for all links or all addresses of both families. */
export function dumpRequest(type: typeof RTM_GETLINK | typeof RTM_GETADDR, sequence: number): Uint8Array<ArrayBuffer> {
  const links = type === RTM_GETLINK;
  const bytes = new Uint8Array(HEADER_BYTES + (links ? IFINFO_BYTES + 8 : IFADDR_BYTES));
  const view = new DataView(bytes.buffer);
  view.setUint32(0, bytes.length, true);
  view.setUint16(4, type, true);
  view.setUint16(6, NLM_F_REQUEST | NLM_F_DUMP, true);
  view.setUint32(8, sequence, true);
  if (links) {
    // Counters are most of the message and nobody here reads them.
    view.setUint16(HEADER_BYTES + IFINFO_BYTES, 8, true);
    view.setUint16(HEADER_BYTES + IFINFO_BYTES + 2, IFLA.EXT_MASK, true);
    view.setUint32(HEADER_BYTES + IFINFO_BYTES + 4, RTEXT_FILTER_SKIP_STATS, true);
  }
  return bytes;
}

/** Reads one datagram of the kernel: one or more messages. */
export function parseNetlink(bytes: Uint8Array): Result<readonly NetlinkMessage[], NetlinkDrop> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const messages: NetlinkMessage[] = [];
  for (let at = 0; at < bytes.length; ) {
    if (bytes.length - at < HEADER_BYTES) return fail("netlink-short");
    const length = view.getUint32(at, true);
    if (length < HEADER_BYTES || length > bytes.length - at) return fail("netlink-length");
    const message = parseMessage(bytes.subarray(at, at + length));
    if (!message.ok) return message;
    messages.push(message.value);
    at += aligned(length);
  }
  return ok(messages);
}

function parseMessage(bytes: Uint8Array): Result<NetlinkMessage, NetlinkDrop> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const type = view.getUint16(4, true);
  const sequence = view.getUint32(8, true);
  switch (type) {
    case RTM_NEWLINK:
    case RTM_DELLINK:
      return parseLink(bytes, view, type === RTM_DELLINK);
    case RTM_NEWADDR:
    case RTM_DELADDR:
      return parseAddress(bytes, view, type === RTM_DELADDR);
    case NLMSG_DONE:
      return ok({ type: "done", sequence, interrupted: (view.getUint16(6, true) & NLM_F_DUMP_INTR) !== 0 });
    case NLMSG_ERROR:
      if (bytes.length < HEADER_BYTES + 4) return fail("netlink-length");
      return ok({ type: "error", sequence, errno: -view.getInt32(HEADER_BYTES, true) });
    default:
      return ok({ type: "other" });
  }
}

function parseLink(bytes: Uint8Array, view: DataView, gone: boolean): Result<NetlinkMessage, NetlinkDrop> {
  if (bytes.length < HEADER_BYTES + IFINFO_BYTES) return fail("netlink-length");
  const index = view.getInt32(20, true);
  // AF_BRIDGE messages repeat a port's link; only AF_UNSPEC ones tell that a link appears or goes.
  if (bytes[HEADER_BYTES] !== 0) return ok({ type: "other" });
  if (gone) return ok({ type: "link-gone", index });
  const attributes = parseAttributes(bytes, HEADER_BYTES + IFINFO_BYTES);
  if (!attributes.ok) return attributes;
  // News of a wireless device (a scan, an association) come as a link message that holds nothing else about the link.
  if (attributes.value.has(IFLA.WIRELESS)) return ok({ type: "other" });
  const info = attributes.value.get(IFLA.LINKINFO);
  const inner = info === undefined ? undefined : parseAttributes(info, 0);
  if (inner !== undefined && !inner.ok) return inner;
  const mac = attributes.value.get(IFLA.ADDRESS);
  return ok({
    type: "link",
    index,
    name: text(attributes.value.get(IFLA.IFNAME)),
    mac: mac?.length === 6 ? formatMac(mac) : "",
    master: number32(attributes.value.get(IFLA.MASTER)),
    kind: text(inner?.value.get(IFLA_INFO_KIND)),
    deviceType: view.getUint16(18, true),
    flags: view.getUint32(24, true),
    isMoved: REJOIN_EVENTS.includes(number32(attributes.value.get(IFLA.EVENT))),
  });
}

function parseAddress(bytes: Uint8Array, view: DataView, gone: boolean): Result<NetlinkMessage, NetlinkDrop> {
  if (bytes.length < HEADER_BYTES + IFADDR_BYTES) return fail("netlink-length");
  const attributes = parseAttributes(bytes, HEADER_BYTES + IFADDR_BYTES);
  if (!attributes.ok) return attributes;
  // IFA_LOCAL is one's own address; IFA_ADDRESS is the same, or the peer's of a point-to-point link, or IPv6's only one.
  const own = attributes.value.get(IFA.LOCAL) ?? attributes.value.get(IFA.ADDRESS);
  if (own === undefined || (own.length !== 4 && own.length !== 16)) return ok({ type: "other" });
  const flags = number32(attributes.value.get(IFA.FLAGS)) || view.getUint8(18);
  return ok({
    type: gone ? "address-gone" : "address",
    index: view.getUint32(20, true),
    address: formatIp(ipFromBytes(own)),
    prefixLength: view.getUint8(17),
    metric: number32(attributes.value.get(IFA.RT_PRIORITY)),
    ...((flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED)) === 0 ? {} : { tentative: true }),
    ...(own.length === 16 && (flags & IFA_F_TEMPORARY) !== 0 ? { temporary: true } : {}),
  });
}

function parseAttributes(
  bytes: Uint8Array,
  from: number,
): Result<ReadonlyMap<number, Uint8Array>, "netlink-attribute"> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const attributes = new Map<number, Uint8Array>();
  for (let at = from; at + 4 <= bytes.length; ) {
    const length = view.getUint16(at, true);
    if (length < 4 || at + length > bytes.length) return fail("netlink-attribute");
    attributes.set(view.getUint16(at + 2, true) & NLA_TYPE_MASK, bytes.subarray(at + 4, at + length));
    at += aligned(length);
  }
  return ok(attributes);
}

function aligned(length: number): number {
  return (length + 3) & ~3;
}

/** A string that ends with a zero byte. */
function text(bytes: Uint8Array | undefined): string {
  if (bytes === undefined) return "";
  const end = bytes.indexOf(0);
  return new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end));
}

function number32(bytes: Uint8Array | undefined): number {
  if (bytes === undefined || bytes.length < 4) return 0;
  return new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0, true);
}

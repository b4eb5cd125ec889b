/** A frame as the wire had it, and when: milliseconds since the Unix epoch, with the capture's microseconds. */
export interface CapturedFrame {
  readonly timeMs: number;
  readonly bytes: Uint8Array;
}

const globalHeaderBytes = 24;
const recordHeaderBytes = 16;
const frameBytesMax = 262_144;

/**
 * Splits a pcap stream of any length into frames as it comes (format: draft-ietf-opsawg-pcap, little-endian microseconds,
 * which is what tcpdump writes on the machines we run on). Returns what is whole; the rest waits for the next chunk.
 */
export class PcapSplitter {
  #pending = Buffer.alloc(0);
  #started = false;

  push(chunk: Uint8Array): CapturedFrame[] {
    this.#pending = Buffer.concat([this.#pending, chunk]);
    const frames: CapturedFrame[] = [];
    if (!this.#started) {
      if (this.#pending.length < globalHeaderBytes) return frames;
      if (this.#pending.readUInt32LE(0) !== 0xa1b2c3d4) throw new RangeError("not a little-endian pcap stream");
      this.#pending = this.#pending.subarray(globalHeaderBytes);
      this.#started = true;
    }
    while (this.#pending.length >= recordHeaderBytes) {
      const size = this.#pending.readUInt32LE(8);
      if (size > frameBytesMax) throw new RangeError(`a frame of ${size} bytes: the pcap stream is broken`);
      if (this.#pending.length < recordHeaderBytes + size) break;
      const timeMs = this.#pending.readUInt32LE(0) * 1000 + this.#pending.readUInt32LE(4) / 1000;
      const bytes = Uint8Array.from(this.#pending.subarray(recordHeaderBytes, recordHeaderBytes + size));
      frames.push({ timeMs, bytes });
      this.#pending = this.#pending.subarray(recordHeaderBytes + size);
    }
    return frames;
  }
}

/** What the e2e tests assert of a frame. Written apart from the speaker's codec, so that the two check each other. */
export interface FrameView {
  readonly timeMs: number;
  readonly source: string;
  readonly destination: string;
  readonly etherType: number;
  readonly arp?: {
    readonly operation: "request" | "reply" | "other";
    readonly senderMac: string;
    readonly senderIp: string;
    readonly targetMac: string;
    readonly targetIp: string;
  };
  readonly nd?: {
    readonly kind: "solicitation" | "advertisement";
    readonly sourceIp: string;
    readonly destinationIp: string;
    readonly hopLimit: number;
    readonly target: string;
    /** Router, solicited, override: RFC 4861 section 4.4. */
    readonly flags: { readonly router: boolean; readonly solicited: boolean; readonly override: boolean };
    /** Of the first source (1) or target (2) link-layer address option. */
    readonly linkLayerAddress?: string;
  };
}

function mac(bytes: Uint8Array, at: number): string {
  return Array.from(bytes.subarray(at, at + 6), (byte) => byte.toString(16).padStart(2, "0")).join(":");
}

function ipv4(bytes: Uint8Array, at: number): string {
  return bytes.subarray(at, at + 4).join(".");
}

/** RFC 5952: lower case, the first longest run of two or more zero groups as "::". */
function ipv6(bytes: Uint8Array, at: number): string {
  const groups = Array.from({ length: 8 }, (_, i) =>
    ((bytes[at + 2 * i] ?? 0) * 256 + (bytes[at + 2 * i + 1] ?? 0)).toString(16),
  );
  const text = groups.join(":");
  const runs = [...text.matchAll(/\b0(:0)+\b/g)].sort((a, b) => b[0].length - a[0].length || a.index - b.index);
  const run = runs[0];
  if (run === undefined) return text;
  const before = text.slice(0, run.index).replace(/:$/, "");
  return `${before}::${text.slice(run.index + run[0].length).replace(/^:/, "")}`;
}

function arpOf(bytes: Uint8Array): FrameView["arp"] | undefined {
  if (bytes.length < 42) return undefined;
  const operation = (bytes[20] ?? 0) * 256 + (bytes[21] ?? 0);
  return {
    operation: operation === 1 ? "request" : operation === 2 ? "reply" : "other",
    senderMac: mac(bytes, 22),
    senderIp: ipv4(bytes, 28),
    targetMac: mac(bytes, 32),
    targetIp: ipv4(bytes, 38),
  };
}

/** Neighbour discovery without extension headers (RFC 4861 sections 4.3 and 4.4): Ethernet 14, IPv6 40, ICMPv6 24 bytes. */
function ndOf(bytes: Uint8Array): FrameView["nd"] | undefined {
  const type = bytes[54];
  if (bytes.length < 78 || bytes[20] !== 58 || (type !== 135 && type !== 136)) return undefined;
  const flags = bytes[58] ?? 0;
  const hasOption = bytes.length >= 86 && (bytes[78] === 1 || bytes[78] === 2) && bytes[79] === 1;
  return {
    kind: type === 135 ? "solicitation" : "advertisement",
    sourceIp: ipv6(bytes, 22),
    destinationIp: ipv6(bytes, 38),
    hopLimit: bytes[21] ?? 0,
    target: ipv6(bytes, 62),
    flags: { router: (flags & 0x80) !== 0, solicited: (flags & 0x40) !== 0, override: (flags & 0x20) !== 0 },
    ...(hasOption ? { linkLayerAddress: mac(bytes, 80) } : {}),
  };
}

/** Reads a frame as far as the tests need it; pure. */
export function viewFrame(frame: CapturedFrame): FrameView {
  const { bytes, timeMs } = frame;
  const etherType = (bytes[12] ?? 0) * 256 + (bytes[13] ?? 0);
  const arp = etherType === 0x0806 ? arpOf(bytes) : undefined;
  const nd = etherType === 0x86dd ? ndOf(bytes) : undefined;
  return {
    timeMs,
    source: mac(bytes, 6),
    destination: mac(bytes, 0),
    etherType,
    ...(arp === undefined ? {} : { arp }),
    ...(nd === undefined ? {} : { nd }),
  };
}

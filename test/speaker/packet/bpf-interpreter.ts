/** A classic BPF machine, as much of it as the filters use (Linux Documentation/networking/filter.rst). */

/** SKF_AD_OFF + SKF_AD_PKTTYPE and SKF_AD_IFINDEX. */
const PACKET_TYPE_AT = 0xffff_f004;
const INTERFACE_INDEX_AT = 0xffff_f008;

/** How many bytes of the frame the kernel would pass on; 0 drops it. Loads behind the end drop it too. */
export function runBpf(program: Uint8Array, frame: Uint8Array, packetType: number, interfaceIndex: number): number {
  const code = new DataView(program.buffer, program.byteOffset, program.byteLength);
  const data = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  let a = 0;
  for (let pc = 0; pc < program.length / 8; pc++) {
    const [op, yes, no, k] = [
      code.getUint16(pc * 8, true),
      code.getUint8(pc * 8 + 2),
      code.getUint8(pc * 8 + 3),
      code.getUint32(pc * 8 + 4, true),
    ];
    const width = { 48: 1, 40: 2, 32: 4 }[op];
    if (width !== undefined) {
      if (k === PACKET_TYPE_AT) a = packetType;
      else if (k === INTERFACE_INDEX_AT) a = interfaceIndex;
      else if (k + width > frame.length) return 0;
      else a = width === 1 ? data.getUint8(k) : width === 2 ? data.getUint16(k) : data.getUint32(k);
    } else if (op === 0x15) pc += a === k ? yes : no;
    else if (op === 0x25) pc += a > k ? yes : no;
    else if (op === 0x06) return k;
    else throw new Error(`unknown instruction ${op.toString(16)}`);
  }
  throw new Error("the program ends without a return");
}

package main

import (
	"bytes"
	"encoding/binary"
	"net"
	"net/netip"
)

const (
	etherTypeARP  = 0x0806
	etherTypeIPv6 = 0x86dd
	macAt         = 6  // of the sender, in the Ethernet header
	payloadAt     = 14 // behind the Ethernet header
)

// tag is the number of a question. It travels as the asker's MAC, which every answer is sent to: so questions for one
// and the same address can be told apart, and the tables of the kernel hold one neighbour only.
type tag struct {
	slot  uint16
	round uint16
}

var tagPrefix = []byte{0x02, 0xbe}

func (t tag) write(out []byte) {
	copy(out, tagPrefix)
	binary.BigEndian.PutUint16(out[2:], t.round)
	binary.BigEndian.PutUint16(out[4:], t.slot)
}

func readTag(mac []byte) (tag, bool) {
	if !bytes.Equal(mac[:2], tagPrefix) {
		return tag{}, false
	}
	return tag{slot: binary.BigEndian.Uint16(mac[4:]), round: binary.BigEndian.Uint16(mac[2:])}, true
}

// protocol is what differs between ARP and neighbour discovery.
type protocol struct {
	etherType uint16
	bytes     int
	// ask writes the question for the address into a frame that holds the template.
	ask func(frame []byte, address netip.Addr, t tag)
	// answer reads whose question the frame answers, and for which address.
	answer   func(frame []byte) (tag, netip.Addr, bool)
	template []byte
}

// arpProtocol asks by broadcast requests (RFC 826).
func arpProtocol(source netip.Addr) protocol {
	template := make([]byte, 42)
	copy(template, []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff})
	binary.BigEndian.PutUint16(template[12:], etherTypeARP)
	copy(template[payloadAt:], []byte{0, 1, 8, 0, 6, 4, 0, 1})
	copy(template[payloadAt+14:], source.AsSlice())
	return protocol{
		etherType: etherTypeARP,
		bytes:     len(template),
		template:  template,
		ask: func(frame []byte, address netip.Addr, t tag) {
			t.write(frame[macAt:])
			t.write(frame[payloadAt+8:])
			bytes4 := address.As4()
			copy(frame[payloadAt+24:], bytes4[:])
		},
		answer: func(frame []byte) (tag, netip.Addr, bool) {
			if len(frame) < 42 || binary.BigEndian.Uint16(frame[payloadAt+6:]) != 2 {
				return tag{}, netip.Addr{}, false
			}
			t, ok := readTag(frame[payloadAt+18:])
			return t, netip.AddrFrom4([4]byte(frame[payloadAt+14 : payloadAt+18])), ok
		},
	}
}

// ndProtocol asks by solicitations with a source link-layer option (RFC 4861 section 4.3): to the solicited-node group, as who
// does not know the address yet, or with a MAC to the address itself, as who wants to know whether it is still there.
func ndProtocol(source netip.Addr, mac net.HardwareAddr) protocol {
	const icmpAt = payloadAt + 40
	template := make([]byte, icmpAt+32)
	copy(template, []byte{0x33, 0x33, 0xff})
	binary.BigEndian.PutUint16(template[12:], etherTypeIPv6)
	template[payloadAt] = 0x60
	binary.BigEndian.PutUint16(template[payloadAt+4:], 32)
	template[payloadAt+6] = 58
	template[payloadAt+7] = 255
	copy(template[payloadAt+8:], source.AsSlice())
	copy(template[payloadAt+24:], []byte{0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff})
	template[icmpAt] = 135
	copy(template[icmpAt+24:], []byte{1, 1})
	return protocol{
		etherType: etherTypeIPv6,
		bytes:     len(template),
		template:  template,
		ask: func(frame []byte, address netip.Addr, t tag) {
			t.write(frame[macAt:])
			t.write(frame[icmpAt+26:])
			bytes16 := address.As16()
			if mac == nil {
				copy(frame[3:6], bytes16[13:])
				copy(frame[payloadAt+37:payloadAt+40], bytes16[13:])
			} else {
				copy(frame, mac)
				copy(frame[payloadAt+24:], bytes16[:])
			}
			copy(frame[icmpAt+8:], bytes16[:])
			frame[icmpAt+2], frame[icmpAt+3] = 0, 0
			binary.BigEndian.PutUint16(frame[icmpAt+2:], icmpv6Checksum(frame[payloadAt:icmpAt+32]))
		},
		answer: func(frame []byte) (tag, netip.Addr, bool) {
			if len(frame) < icmpAt+32 || frame[icmpAt] != 136 {
				return tag{}, netip.Addr{}, false
			}
			t, ok := readTag(frame)
			return t, netip.AddrFrom16([16]byte(frame[icmpAt+8 : icmpAt+24])), ok
		},
	}
}

// icmpv6Checksum is that of RFC 4443 section 2.3 over the IPv6 packet, whose checksum field is zero.
func icmpv6Checksum(packet []byte) uint16 {
	sum := uint32(len(packet)-40) + 58
	for at := 8; at+1 < len(packet); at += 2 {
		sum += uint32(packet[at])<<8 | uint32(packet[at+1])
	}
	for sum > 0xffff {
		sum = sum&0xffff + sum>>16
	}
	return ^uint16(sum)
}

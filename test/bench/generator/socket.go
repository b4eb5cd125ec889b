package main

import (
	"fmt"
	"net"
	"syscall"
	"unsafe"
)

const (
	batchFrames   = 64
	slotBytes     = 128
	qdiscBypass   = 20 // PACKET_QDISC_BYPASS of packet(7)
	receiveBuffer = 8 << 20
)

type mmsghdr struct {
	header syscall.Msghdr
	length uint32
	_      uint32
}

// batch is memory for recvmmsg(2) and sendmmsg(2), laid out once. The kernel follows pointers into the batch itself,
// which stays where it is: Go does not move what is on the heap.
type batch struct {
	frames  [batchFrames][slotBytes]byte
	vectors [batchFrames]syscall.Iovec
	headers [batchFrames]mmsghdr
}

func newBatch() *batch {
	b := new(batch)
	for slot := range b.headers {
		b.vectors[slot].Base = &b.frames[slot][0]
		b.vectors[slot].SetLen(slotBytes)
		b.headers[slot].header.Iov = &b.vectors[slot]
		b.headers[slot].header.Iovlen = 1
	}
	return b
}

// socket is an AF_PACKET socket of one interface and one protocol. It never blocks.
type socket struct {
	fd  uintptr
	mac net.HardwareAddr
}

func openSocket(name string, protocol uint16) (*socket, error) {
	link, err := net.InterfaceByName(name)
	if err != nil {
		return nil, err
	}
	kind := syscall.SOCK_RAW | syscall.SOCK_NONBLOCK | syscall.SOCK_CLOEXEC
	fd, err := syscall.Socket(syscall.AF_PACKET, kind, 0)
	if err != nil {
		return nil, fmt.Errorf("socket(AF_PACKET): %w", err)
	}
	// A full buffer here would be taken for a request that was not answered.
	if err := syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_RCVBUFFORCE, receiveBuffer); err != nil {
		return nil, fmt.Errorf("SO_RCVBUFFORCE: %w", err)
	}
	if err := syscall.SetsockoptInt(fd, syscall.SOL_PACKET, qdiscBypass, 1); err != nil {
		return nil, fmt.Errorf("PACKET_QDISC_BYPASS: %w", err)
	}
	address := syscall.SockaddrLinklayer{Protocol: protocol<<8 | protocol>>8, Ifindex: link.Index}
	if err := syscall.Bind(fd, &address); err != nil {
		return nil, fmt.Errorf("bind(%s): %w", name, err)
	}
	return &socket{fd: uintptr(fd), mac: link.HardwareAddr}, nil
}

// send sends the first count frames of the batch, all of bytes length, and returns how many the kernel took.
func (s *socket) send(b *batch, count int) (int, error) {
	pointer := uintptr(unsafe.Pointer(&b.headers[0]))
	taken, _, errno := syscall.RawSyscall6(sysSendmmsg, s.fd, pointer, uintptr(count), 0, 0, 0)
	if errno == syscall.EAGAIN || errno == syscall.ENOBUFS {
		return 0, nil
	}
	if errno != 0 {
		return 0, fmt.Errorf("sendmmsg: %w", errno)
	}
	return int(taken), nil
}

// receive fills the batch with what waits and returns how many frames that were; 0 when none wait.
func (s *socket) receive(b *batch) (int, error) {
	pointer := uintptr(unsafe.Pointer(&b.headers[0]))
	count, _, errno := syscall.RawSyscall6(sysRecvmmsg, s.fd, pointer, batchFrames, syscall.MSG_DONTWAIT, 0, 0)
	if errno == syscall.EAGAIN || errno == syscall.EINTR {
		return 0, nil
	}
	if errno != 0 {
		return 0, fmt.Errorf("recvmmsg: %w", errno)
	}
	return int(count), nil
}

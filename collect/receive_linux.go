// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// receiver takes datagrams in bursts by recvmmsg(2) on the runtime's poller,
// without allocating: x/net's ReadBatch allocates twice a datagram. unsafe is
// needed to hand the kernel pointers into memory that lives as long as it does.
type receiver struct {
	raw   syscall.RawConn
	m     *messages
	lost  uint32
	count int
	errno syscall.Errno
	read  func(fd uintptr) bool
}

// messages is the memory that the kernel fills.
type messages struct {
	headers [burst]mmsghdr
	vectors [burst]unix.Iovec
	names   [burst]unix.RawSockaddrInet6
	control [burst][64]byte
	data    [burst][datagram]byte
}

// mmsghdr is struct mmsghdr of recvmmsg(2).
type mmsghdr struct {
	hdr unix.Msghdr
	n   uint32
	_   [4]byte
}

func newReceiver(conn *net.UDPConn) (receiver, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return receiver{}, fmt.Errorf("reach the socket: %w", err)
	}
	r := receiver{raw: raw, m: new(messages)}
	for i := range burst {
		h := &r.m.headers[i].hdr
		r.m.vectors[i].Base = &r.m.data[i][0]
		r.m.vectors[i].SetLen(datagram)
		h.Iov = &r.m.vectors[i]
		h.SetIovlen(1)
		h.Name = (*byte)(unsafe.Pointer(&r.m.names[i])) //nolint:gosec // see receiver
		h.Control = &r.m.control[i][0]
	}
	return r, nil
}

// receive blocks until there is a datagram, and returns how many were taken.
func (r *receiver) receive() (int, error) {
	if r.read == nil {
		r.read = func(fd uintptr) bool {
			r.take(fd)
			return r.errno != syscall.EAGAIN
		}
	}
	if err := r.raw.Read(r.read); err != nil {
		return 0, err
	}
	if r.errno != 0 {
		return 0, r.errno
	}
	return r.count, nil
}

// poll takes what is there without waiting.
func (r *receiver) poll() int {
	n := 0
	_ = r.raw.Control(func(fd uintptr) {
		if r.take(fd); r.errno == 0 {
			n = r.count
		}
	})
	return n
}

func (r *receiver) take(fd uintptr) {
	for i := range burst { // the kernel overwrote these with what it returned
		h := &r.m.headers[i].hdr
		h.Namelen = unix.SizeofSockaddrInet6
		h.SetControllen(len(r.m.control[i]))
		h.Flags = 0
	}
	for {
		n, _, errno := unix.Syscall6(unix.SYS_RECVMMSG, fd, uintptr(unsafe.Pointer(&r.m.headers[0])), burst, unix.MSG_DONTWAIT, 0, 0) //nolint:gosec // see receiver
		if errno == syscall.EINTR {
			continue
		}
		r.errno, r.count = errno, int(n)
		if errno == 0 {
			r.overflows()
		}
		return
	}
}

// overflows reads the kernel's count of dropped datagrams from the newest message.
func (r *receiver) overflows() {
	h := &r.m.headers[r.count-1].hdr
	b := r.m.control[r.count-1][:h.Controllen]
	for len(b) >= unix.SizeofCmsghdr {
		size := int(binary.NativeEndian.Uint64(b))
		level, kind := int32(binary.NativeEndian.Uint32(b[8:])), int32(binary.NativeEndian.Uint32(b[12:]))
		if size < unix.SizeofCmsghdr || size > len(b) {
			return
		}
		if level == unix.SOL_SOCKET && kind == unix.SO_RXQ_OVFL && size >= unix.CmsgLen(4) {
			r.lost = binary.NativeEndian.Uint32(b[unix.SizeofCmsghdr:])
		}
		b = b[min(len(b), unix.CmsgSpace(size-unix.SizeofCmsghdr)):]
	}
}

func (r *receiver) message(i int) message {
	h := &r.m.headers[i]
	name := &r.m.names[i]
	var from netip.Addr
	if name.Family == unix.AF_INET {
		in4 := (*unix.RawSockaddrInet4)(unsafe.Pointer(name)) //nolint:gosec // see receiver
		from = netip.AddrFrom4(in4.Addr)
	} else {
		from = netip.AddrFrom16(name.Addr).Unmap()
	}
	return message{data: r.m.data[i][:min(h.n, datagram)], from: from, truncated: h.hdr.Flags&unix.MSG_TRUNC != 0}
}

// dropped is how many datagrams the kernel dropped on this socket so far.
func (r *receiver) dropped() uint64 { return uint64(r.lost) }

// bind opens a UDP socket that reports what the kernel drops.
func bind(ctx context.Context, addr string, share bool) (*net.UDPConn, error) {
	lc := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		var err error
		cerr := c.Control(func(fd uintptr) {
			err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RXQ_OVFL, 1)
			if err == nil && share {
				err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
			}
		})
		if cerr != nil {
			return cerr
		}
		return err
	}}
	p, err := lc.ListenPacket(ctx, "udp", addr)
	if err != nil {
		return nil, err
	}
	conn, ok := p.(*net.UDPConn)
	if !ok {
		_ = p.Close()
		return nil, fmt.Errorf("not a UDP socket: %s", addr)
	}
	return conn, nil
}

// setBuffer asks for a receive buffer, past the kernel's cap where we may, and
// returns what was granted.
func setBuffer(conn *net.UDPConn, size int) (granted int) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return 0
	}
	_ = raw.Control(func(fd uintptr) {
		if unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, size) != nil {
			_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, size)
		}
		got, err := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF)
		if err == nil {
			granted = got / 2 // the kernel doubles what it is asked for, for its own bookkeeping (socket(7))
		}
	})
	return granted
}

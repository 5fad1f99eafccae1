// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	burst = 64 // datagrams taken from the kernel at once
	// room is kept for each datagram. No UDP payload is longer than 65 527 bytes;
	// the odd rest keeps the first bytes of all datagrams from falling into the same
	// cache lines. Memory that no datagram reaches is never touched.
	room = 65536 + 576
)

// receiver takes datagrams in bursts by recvmmsg(2), without allocating: x/net's
// ReadBatch allocates twice a datagram. It waits by poll(2) on a descriptor of its
// own, not on the runtime's poller: that one wakes a thread for every datagram
// that arrives, also while nobody waits for it. unsafe is needed to hand the
// kernel pointers into memory that lives as long as it does.
type receiver struct {
	conn  *net.UDPConn // as bound; closed by start
	fd    int          // its duplicate; -1 when closed
	bell  int          // an eventfd that ends waiting
	m     *messages
	lost  uint32
	count int
	errno syscall.Errno
}

// messages is the memory that the kernel fills.
type messages struct {
	headers [burst]mmsghdr
	vectors [burst]unix.Iovec
	names   [burst]unix.RawSockaddrInet6
	control [burst][controlWords]uint64 // words, so that headers in it are aligned
	data    [burst][room]byte
}

// controlWords hold a control message of 4 bytes and one of 16, each with its header,
// 56 bytes together, and some that nobody asked for.
const controlWords = 12

// mmsghdr is struct mmsghdr of recvmmsg(2); Go pads it as C does.
type mmsghdr struct {
	hdr unix.Msghdr
	n   uint32
}

func newReceiver(conn *net.UDPConn) (*receiver, error) {
	r := &receiver{conn: conn, m: new(messages)}
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil, fmt.Errorf("reach the socket: %w", err)
	}
	var derr error
	err = raw.Control(func(fd uintptr) { r.fd, derr = unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 0) })
	if err = errors.Join(err, derr); err != nil {
		return nil, fmt.Errorf("duplicate the socket: %w", err)
	}
	if r.bell, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		_ = unix.Close(r.fd)
		return nil, fmt.Errorf("make an eventfd: %w", err)
	}
	for i := range burst {
		h := &r.m.headers[i].hdr
		r.m.vectors[i].Base = &r.m.data[i][0]
		r.m.vectors[i].SetLen(room)
		h.Iov = &r.m.vectors[i]
		h.SetIovlen(1)
		h.Name = (*byte)(unsafe.Pointer(&r.m.names[i]))         //nolint:gosec // see receiver
		h.Control = (*byte)(unsafe.Pointer(&r.m.control[i][0])) //nolint:gosec // see receiver
	}
	return r, nil
}

// start takes the socket away from the runtime's poller.
func (r *receiver) start() { _ = r.conn.Close() }

// stop makes receive return os.ErrDeadlineExceeded, now or as soon as nothing is left.
func (r *receiver) stop() {
	if r.fd >= 0 {
		_, _ = unix.Write(r.bell, []byte{7: 1})
	}
}

// close gives the descriptors back. Nobody may be in receive.
func (r *receiver) close() {
	if r.fd >= 0 {
		_ = r.conn.Close()
		_, _ = unix.Close(r.fd), unix.Close(r.bell)
		r.fd = -1
	}
}

// receive blocks until there is a datagram, and returns how many were taken.
func (r *receiver) receive() (int, error) {
	for {
		switch r.take(); r.errno {
		case 0:
			return r.count, nil
		case syscall.EAGAIN:
		default:
			return 0, r.errno
		}
		wait := [2]unix.PollFd{{Fd: int32(r.fd), Events: unix.POLLIN}, {Fd: int32(r.bell), Events: unix.POLLIN}}
		if _, err := unix.Poll(wait[:], -1); err != nil && err != unix.EINTR {
			return 0, fmt.Errorf("wait for datagrams: %w", err)
		}
		if wait[1].Revents != 0 {
			return 0, os.ErrDeadlineExceeded
		}
	}
}

// poll takes what is there without waiting.
func (r *receiver) poll() int {
	if r.take(); r.errno != 0 {
		return 0
	}
	return r.count
}

// take asks the kernel for a burst. The call never blocks and takes a tenth of a
// millisecond at most, so it may keep its processor: telling the scheduler of it
// would start the runtime's monitor, which for a moment costs more than the burst.
func (r *receiver) take() {
	for i := range burst { // the kernel overwrote these with what it returned
		h := &r.m.headers[i].hdr
		h.Namelen = unix.SizeofSockaddrInet6
		h.SetControllen(controlWords * 8)
		h.Flags = 0
	}
	for {
		n, _, errno := unix.RawSyscall6(unix.SYS_RECVMMSG, uintptr(r.fd), uintptr(unsafe.Pointer(&r.m.headers[0])), burst, unix.MSG_DONTWAIT, 0, 0) //nolint:gosec // see receiver
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
	if at := r.told(r.count-1, unix.SO_RXQ_OVFL, 4); at != nil {
		r.lost = *(*uint32)(at)
	}
}

// arrived is when the kernel received datagram i, in Unix nanoseconds; 0 when it
// does not tell.
func (r *receiver) arrived(i int) int64 {
	at := r.told(i, unix.SO_TIMESTAMPNS, int(unsafe.Sizeof(unix.Timespec{})))
	if at == nil {
		return 0
	}
	return (*unix.Timespec)(at).Nano()
}

// told finds a control message of the socket level with at least so many bytes
// beside datagram i; nil when there is none.
func (r *receiver) told(i int, kind int32, bytes int) unsafe.Pointer {
	left := uintptr(r.m.headers[i].hdr.Controllen)
	at := unsafe.Pointer(&r.m.control[i][0]) //nolint:gosec // the kernel wrote Controllen bytes there
	for left >= unix.SizeofCmsghdr {
		h := (*unix.Cmsghdr)(at)
		size := uintptr(h.Len)
		if size < unix.SizeofCmsghdr || size > left {
			return nil
		}
		if h.Level == unix.SOL_SOCKET && h.Type == kind && size >= uintptr(unix.CmsgLen(bytes)) {
			return unsafe.Add(at, unix.CmsgLen(0)) // size was checked
		}
		step := uintptr(unix.CmsgSpace(int(size) - unix.SizeofCmsghdr))
		if step >= left {
			return nil
		}
		at, left = unsafe.Add(at, step), left-step
	}
	return nil
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
	return message{at: r.arrived(i), data: r.m.data[i][:min(h.n, room)], from: from, truncated: h.hdr.Flags&unix.MSG_TRUNC != 0}
}

// dropped is how many datagrams the kernel dropped on this socket when the newest
// of the last burst was queued; it wraps at 2^32.
func (r *receiver) dropped() uint32 { return r.lost }

// askDropped asks for the same count as of now (SO_MEMINFO, Linux 4.12).
func (r *receiver) askDropped() (count uint32, ok bool) {
	var info [9]uint32 // SK_MEMINFO_VARS
	const dropsAt = 8  // SK_MEMINFO_DROPS
	size := uint32(unsafe.Sizeof(info))
	_, _, errno := unix.RawSyscall6(unix.SYS_GETSOCKOPT, uintptr(r.fd), unix.SOL_SOCKET, unix.SO_MEMINFO,
		uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&size)), 0) //nolint:gosec // size bounds what is written
	return info[dropsAt], errno == 0 && size >= uint32(unsafe.Sizeof(info))
}

// bind opens a UDP socket that reports what the kernel drops, and when it received.
func bind(ctx context.Context, addr string, share bool) (*net.UDPConn, error) {
	lc := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		var err error
		cerr := c.Control(func(fd uintptr) {
			err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RXQ_OVFL, 1)
			if err == nil {
				err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1)
			}
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

// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package collect

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"
)

const burst = 1 // datagrams taken at once

// receiver takes datagrams one by one: for trying things out on a laptop.
type receiver struct {
	conn *net.UDPConn
	buf  []byte
	n    int
	from netip.AddrPort
}

func newReceiver(conn *net.UDPConn) (*receiver, error) {
	return &receiver{conn: conn, buf: make([]byte, 1<<16)}, nil
}

func (r *receiver) start() {}

func (r *receiver) stop() { _ = r.conn.SetReadDeadline(time.Unix(1, 0)) }

func (r *receiver) close() { _ = r.conn.Close() }

func (r *receiver) receive() (int, error) {
	n, from, err := r.conn.ReadFromUDPAddrPort(r.buf)
	r.n, r.from = n, from
	return 1, err
}

func (r *receiver) poll() int {
	_ = r.conn.SetReadDeadline(time.Now().Add(time.Millisecond))
	if _, err := r.receive(); err != nil {
		return 0
	}
	return 1
}

func (r *receiver) message(int) message {
	return message{data: r.buf[:r.n], from: r.from.Addr().Unmap()}
}

// dropped and askDropped: this system does not tell.
func (r *receiver) dropped() uint32            { return 0 }
func (r *receiver) askDropped() (uint32, bool) { return 0, false }

// steer: this system has no sockets that share a port by exporter.
func steer(*net.UDPConn, int) error { return errors.New("not supported on this system") }

func bind(ctx context.Context, addr string, _ bool) (*net.UDPConn, error) {
	var lc net.ListenConfig
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

func setBuffer(conn *net.UDPConn, size int) int {
	if conn.SetReadBuffer(size) != nil {
		return 0
	}
	return size
}

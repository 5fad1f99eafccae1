// SPDX-License-Identifier: Apache-2.0

package syslog

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"tidewatch/outbound"
)

const (
	glance   = time.Millisecond       // how long we look whether the other side has hung up
	doubt    = 100 * time.Millisecond // the same after a handshake: in TLS 1.3 a receiver refuses our certificate after it
	patience = 20 * time.Millisecond  // between two looks at what is not acknowledged
)

// wire is a connection that is made when it is needed.
type wire struct {
	cfg   Config
	plain net.Conn // what lies below conn
	conn  net.Conn // nil: none
}

// send writes a message, over a new connection when the old one is gone. After an error
// the connection is dropped: half a message may lie in it.
func (w *wire) send(ctx context.Context, message []byte) error {
	if w.conn != nil && w.hungUp(glance) != nil {
		w.drop() // the receiver was restarted, or tired of waiting
	}
	if w.conn == nil {
		if err := w.dial(ctx); err != nil {
			return err
		}
	}
	conn := w.conn
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	err := w.write(ctx, message)
	if !stop() || err != nil {
		w.drop() // half of it may be written, or the deadline of the past be set
	}
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

func (w *wire) write(ctx context.Context, message []byte) error {
	if _, err := w.conn.Write(message); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	if w.cfg.Protocol == "udp" {
		return w.hungUp(glance) // nobody listens at the port, as far as that is known
	}
	if err := w.acknowledged(ctx); err != nil {
		return err
	}
	// A reset says that the receiver ended without having read it; an ordinary end does not.
	if err := w.hungUp(glance); err != nil {
		if !errors.Is(err, io.EOF) {
			return err
		}
		return w.close()
	}
	return nil
}

// acknowledged waits until the other machine has acknowledged every byte. On a
// connection that was reset it never will: the queue stays as it was.
func (w *wire) acknowledged(ctx context.Context) error {
	sc, ok := w.plain.(syscall.Conn)
	if !ok {
		return nil
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return fmt.Errorf("look at the connection: %w", err)
	}
	for wait := glance; ; wait = min(2*wait, patience) {
		queued := 0
		if cerr := raw.Control(func(fd uintptr) { queued, err = unix.IoctlGetInt(int(fd), unix.TIOCOUTQ) }); cerr != nil || err != nil {
			return fmt.Errorf("look at the connection: %w", errors.Join(cerr, err))
		}
		if queued == 0 {
			return nil
		}
		if err := w.hungUp(wait); err != nil {
			return fmt.Errorf("the message is not acknowledged: %w", err)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
}

// hungUp is the error of a connection that the other side has ended. Receivers say
// nothing, and what they say all the same is of no use.
func (w *wire) hungUp(within time.Duration) error {
	var buf [512]byte
	for range 16 {
		_ = w.conn.SetReadDeadline(time.Now().Add(within)) // else the read tells
		_, err := w.conn.Read(buf[:])
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			return nil
		case err != nil:
			return fmt.Errorf("read: %w", err)
		}
	}
	return nil
}

func (w *wire) dial(ctx context.Context) error {
	network := "tcp"
	if w.cfg.Protocol == "udp" {
		network = "udp"
	}
	plain, err := (&net.Dialer{KeepAliveConfig: net.KeepAliveConfig{Enable: true}}).DialContext(ctx, network, w.cfg.Address)
	if err != nil {
		return err //nolint:wrapcheck // it names network and address
	}
	w.plain, w.conn = plain, plain
	if w.cfg.Protocol != "tls" {
		return nil
	}
	if err := w.secure(ctx); err != nil {
		w.drop()
		return err
	}
	return nil
}

// secure speaks TLS over the connection. Its files are read each time, so that a new
// certificate needs no restart.
func (w *wire) secure(ctx context.Context) error {
	trust, err := outbound.Trust(w.cfg.CAFile)
	if err != nil {
		return err
	}
	if trust.ServerName, _, err = net.SplitHostPort(w.cfg.Address); err != nil {
		return err
	}
	if w.cfg.CertFile != "" {
		cert, err := tls.LoadX509KeyPair(w.cfg.CertFile, w.cfg.KeyFile)
		if err != nil {
			return fmt.Errorf("read cert_file and key_file: %w", err)
		}
		trust.Certificates = []tls.Certificate{cert}
	}
	conn := tls.Client(w.plain, trust)
	if err := conn.HandshakeContext(ctx); err != nil {
		return fmt.Errorf("TLS: %w", err)
	}
	w.conn = conn
	return w.hungUp(doubt)
}

// drop ends a connection without a word, for which nobody may be left.
func (w *wire) drop() {
	if w.plain != nil {
		_ = w.plain.Close()
	}
	w.conn, w.plain = nil, nil
}

// close ends a connection as TLS wants it.
func (w *wire) close() error {
	if w.conn == nil {
		return nil
	}
	err := w.conn.Close()
	w.conn, w.plain = nil, nil
	return err
}

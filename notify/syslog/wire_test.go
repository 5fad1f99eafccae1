// SPDX-License-Identifier: Apache-2.0

package syslog_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tidewatch/incident"
	"tidewatch/notify"
	"tidewatch/notify/notifytest"
	"tidewatch/notify/syslog"
)

func sink(t *testing.T, cfg syslog.Config) *syslog.Sink {
	t.Helper()
	s, err := syslog.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func flood() *notify.Message { return notifytest.Flood(notify.Trigger, incident.Opened) }

// TestProtocols brings two messages over each protocol, over IPv4 and IPv6.
func TestProtocols(t *testing.T) {
	t.Parallel()
	ca := notifytest.NewAuthority(t)
	for _, host := range []string{"127.0.0.1", "[::1]"} {
		for _, protocol := range []string{"udp", "tcp", "tls"} {
			t.Run(protocol+" "+host, func(t *testing.T) {
				t.Parallel()
				cfg := syslog.Config{Protocol: protocol}
				var r *receiver
				switch protocol {
				case "udp":
					r = datagrams(t, host+":0")
				case "tcp":
					r = stream(t, host+":0", nil)
				default:
					r = stream(t, host+":0", ca.Server(t, strings.Trim(host, "[]")))
					cfg.CAFile = ca.File
				}
				cfg.Address = r.addr
				s := sink(t, cfg)
				for _, m := range []*notify.Message{flood(), notifytest.Theft()} {
					if _, err := s.Send(t.Context(), m, ""); err != nil {
						t.Fatal(err)
					}
					if got := r.next(t); (*got.StructuredData)["tidewatch@32473"]["id"] != m.ID {
						t.Errorf("got %v", got)
					}
				}
			})
		}
	}
}

// TestReceiverRestarts shows that the message after a restart arrives, and that while
// nobody is there another try is asked for.
func TestReceiverRestarts(t *testing.T) {
	t.Parallel()
	ca := notifytest.NewAuthority(t)
	for protocol, secure := range map[string]*tls.Config{"tcp": nil, "tls": ca.Server(t, "127.0.0.1")} {
		cfg := syslog.Config{Protocol: protocol}
		if secure != nil {
			cfg.CAFile = ca.File
		}
		r := stream(t, "127.0.0.1:0", secure)
		cfg.Address = r.addr
		s := sink(t, cfg)
		if _, err := s.Send(t.Context(), flood(), ""); err != nil {
			t.Fatal(err)
		}
		r.next(t)
		r.stop()
		if _, err := s.Send(t.Context(), flood(), ""); err == nil || notify.IsPermanent(err) {
			t.Errorf("%s, nobody there: %v", protocol, err)
		}
		r = stream(t, r.addr, secure)
		if _, err := s.Send(t.Context(), flood(), ""); err != nil {
			t.Fatalf("%s, after a restart: %v", protocol, err)
		}
		r.next(t)
		// A restart that nobody noticed costs nothing: the end of the connection is seen.
		r.stop()
		r = stream(t, r.addr, secure)
		if _, err := s.Send(t.Context(), flood(), ""); err != nil {
			t.Fatalf("%s, after a restart unseen: %v", protocol, err)
		}
		r.next(t)
	}
}

// TestNobodyAtThePort shows that even UDP notices it, on this machine.
func TestNobodyAtThePort(t *testing.T) {
	t.Parallel()
	r := datagrams(t, "127.0.0.1:0")
	r.stop()
	_, err := sink(t, syslog.Config{Protocol: "udp", Address: r.addr}).Send(t.Context(), flood(), "")
	if err == nil || notify.IsPermanent(err) {
		t.Errorf("udp: %v", err)
	}
}

func TestCertificates(t *testing.T) {
	t.Parallel()
	ca := notifytest.NewAuthority(t)
	good := stream(t, "127.0.0.1:0", ca.Server(t, "127.0.0.1"))
	other := stream(t, "127.0.0.1:0", ca.Server(t, "elsewhere.example.org"))
	mutual := ca.Server(t, "127.0.0.1")
	mutual.ClientAuth, mutual.ClientCAs = tls.RequireAndVerifyClientCert, pool(t, ca.File)
	picky := stream(t, "127.0.0.1:0", mutual)
	late := ca.Server(t, "127.0.0.1")
	late.ClientAuth = tls.RequestClientCert
	late.VerifyConnection = func(tls.ConnectionState) error { // in TLS 1.3 we have long finished then
		time.Sleep(30 * time.Millisecond)
		return errors.New("not you")
	}
	slow := stream(t, "127.0.0.1:0", late)
	cert, key := ca.Issue(t, "client", "client.example.org")
	for name, tc := range map[string]struct {
		cfg  syslog.Config
		want string
	}{
		"trusted":               {syslog.Config{Address: good.addr, CAFile: ca.File}, ""},
		"unknown authority":     {syslog.Config{Address: good.addr}, "unknown authority"},
		"wrong name":            {syslog.Config{Address: other.addr, CAFile: ca.File}, "IP SANs"},
		"no authorities":        {syslog.Config{Address: good.addr, CAFile: ca.File + ".gone"}, "ca_file"},
		"with our certificate":  {syslog.Config{Address: picky.addr, CAFile: ca.File, CertFile: cert, KeyFile: key}, ""},
		"without ours":          {syslog.Config{Address: picky.addr, CAFile: ca.File}, "certificate required"},
		"refused late":          {syslog.Config{Address: slow.addr, CAFile: ca.File}, "bad certificate"},
		"our certificate is no": {syslog.Config{Address: picky.addr, CAFile: ca.File, CertFile: key, KeyFile: key}, "cert_file"},
	} {
		_, err := sink(t, tc.cfg).Send(t.Context(), flood(), "")
		if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) || notify.IsPermanent(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func pool(t *testing.T, file string) *x509.CertPool {
	t.Helper()
	pem, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	p := x509.NewCertPool()
	p.AppendCertsFromPEM(pem)
	return p
}

// TestGivesUp shows that a receiver which does not speak TLS, or does not read, holds
// nobody beyond the context.
func TestGivesUp(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0") // the kernel accepts, nobody reads
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	for _, protocol := range []string{"tls", "tcp"} {
		s := sink(t, syslog.Config{Protocol: protocol, Address: l.Addr().String(), MaxSize: 64_000})
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		n, begin := 0, time.Now()
		// Half a million of buffer is soon full; then nothing is acknowledged any more.
		for m := notifytest.Digest(); err == nil && n < 100_000; n++ {
			_, err = s.Send(ctx, m, "")
		}
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) || notify.IsPermanent(err) || time.Since(begin) > 3*time.Second {
			t.Errorf("%s: %v after %d messages and %v", protocol, err, n, time.Since(begin))
		}
		err = nil
	}
}

// TestAcknowledged shows that no message counts as brought which the other machine has
// not taken: one that is gone takes none, though the kernel here would keep many.
func TestAcknowledged(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	s := sink(t, syslog.Config{Protocol: "tcp", Address: l.Addr().String()})
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	if _, err := s.Send(ctx, flood(), ""); err != nil {
		t.Fatal(err)
	}
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		t.Fatalf("%T is no TCP connection", conn)
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	taken := func() (n int) {
		_ = raw.Control(func(fd uintptr) { n, _ = unix.IoctlGetInt(int(fd), unix.TIOCINQ) })
		return n
	}
	one := taken()
	n := 1
	for ; err == nil && n < 100_000; n++ {
		_, err = s.Send(ctx, flood(), "")
	}
	n-- // the last one failed
	if !errors.Is(err, context.DeadlineExceeded) || one == 0 || taken() < n*one {
		t.Errorf("%d messages of %d bytes count as brought, and the other side has %d bytes (%v)", n, one, taken(), err)
	}
}

// TestGarbage shows that what a receiver says is of no matter.
func TestGarbage(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = c.Write([]byte(strings.Repeat("220 who are you?\r\n", 300)))
			go func() { _, _ = io.Copy(io.Discard, c) }()
		}
	}()
	s := sink(t, syslog.Config{Protocol: "tcp", Address: l.Addr().String()})
	for range 2 {
		if _, err := s.Send(t.Context(), flood(), ""); err != nil {
			t.Error(err)
		}
	}
}

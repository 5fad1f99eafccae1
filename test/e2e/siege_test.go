// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"tidewatch/encode"
	"tidewatch/flow"
)

// siege is a router that tells of hosts with customers, and of answers of name servers
// that nobody asked for while the hosts are attacked. It tells of each flow within a
// quarter of a second, as an exporter does that does not wait.
type siege struct {
	mu       sync.Mutex
	attacked []netip.Addr
	begun    time.Time // when the first datagram that tells of an attack went out
}

const stroke = 250 * time.Millisecond

// besiege sends until the test ends.
func besiege(t *testing.T, to func() string, hosts []netip.Addr) *siege {
	t.Helper()
	c := encode.DefaultConfig()
	c.TemplateEvery = 1 // servers come and go
	enc, err := encode.New(c)
	if err != nil {
		t.Fatal(err)
	}
	s := &siege{}
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		ticker := time.NewTicker(stroke)
		defer ticker.Stop()
		b := flow.NewBatch(8192)
		for n := 0; ; n++ {
			select {
			case <-stop:
				return
			case <-ticker.C:
				s.tell(enc, b, to(), hosts, n)
			}
		}
	}()
	t.Cleanup(func() { close(stop); <-done })
	return s
}

func (s *siege) tell(enc *encode.Encoder, b *flow.Batch, to string, hosts []netip.Addr, n int) {
	now := time.Now()
	b.Reset()
	add := func(r flow.Record) {
		r.Received, r.Start, r.End, r.Sampling, r.InIf, r.OutIf = now.UnixNano(), now.Add(-stroke).UnixNano(), now.UnixNano(), 1, 1, 2
		b.Append(&r)
	}
	for _, h := range hosts {
		for i := n % 4; i < 40; i += 4 { // each of forty once a second
			r := flow.Record{
				Src: outside(h, i), Dst: flow.AddrFrom(h), SrcPort: 40_000, DstPort: 443, Proto: flow.ProtoTCP,
				TCPFlags: flow.SYN | flow.ACK | flow.PSH | flow.FIN, Packets: 20, Bytes: 8000,
			}
			add(r)
			r.Src, r.Dst, r.SrcPort, r.DstPort = r.Dst, r.Src, r.DstPort, r.SrcPort
			add(r)
		}
	}
	s.mu.Lock()
	for _, h := range s.attacked {
		for i := n % 4; i < 400; i += 4 {
			add(flow.Record{Src: outside(h, 5000+i), Dst: flow.AddrFrom(h), SrcPort: 53, DstPort: 4444, Proto: flow.ProtoUDP, Packets: 100, Bytes: 140_000})
		}
		if s.begun.IsZero() {
			s.begun = time.Now()
		}
	}
	s.mu.Unlock()
	conn, err := net.Dial("udp", to)
	if err != nil {
		return
	}
	defer conn.Close()
	_ = enc.Encode(b, 0, b.Len(), now, func(p []byte) error { // nobody listens while the server is dead
		_, _ = conn.Write(p)
		return nil
	})
}

// attack begins, or ends when no hosts are named.
func (s *siege) attack(hosts ...netip.Addr) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.attacked, s.begun = hosts, time.Time{}
}

// since is when the attack began, by what was sent.
func (s *siege) since() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.begun
}

// outside is the i-th address on the other side.
func outside(of netip.Addr, i int) flow.Addr {
	if of.Is4() {
		return flow.AddrFrom4([4]byte{198, 18, byte(i >> 8), byte(i)})
	}
	return flow.Addr{0: 0x20, 1: 0x02, 4: byte(i >> 8), 5: byte(i), 15: 1}
}

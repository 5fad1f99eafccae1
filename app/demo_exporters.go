// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"

	"tidewatch/encode"
	"tidewatch/flow"
	"tidewatch/scenario"
)

// demoExporter is one device of the simulated network that tells of flows.
type demoExporter struct {
	from     netip.Addr
	protocol encode.Protocol
	takes    func(b *flow.Batch, i int) bool // which records it tells of, of those that nobody took before it

	conn net.Conn
	send *sender
	b    *flow.Batch // of this second
}

// demoUplink is the interface of the simulated network towards the Internet.
const demoUplink = 1

// demoExporters are a switch in front of the office's small servers, the edge router and
// the core switch.
func demoExporters() []*demoExporter {
	return []*demoExporter{
		{from: netip.AddrFrom4([4]byte{127, 0, 0, 4}), protocol: encode.SFlow, takes: func(b *flow.Batch, i int) bool {
			uplink := b.InIf[i] == demoUplink || b.OutIf[i] == demoUplink
			return !uplink && (b.Proto[i] == flow.ProtoICMP || b.Proto[i] == flow.ProtoICMPv6 || b.SrcPort[i] == 53 || b.DstPort[i] == 53)
		}},
		{from: netip.AddrFrom4([4]byte{127, 0, 0, 2}), protocol: encode.V9, takes: func(b *flow.Batch, i int) bool {
			return b.InIf[i] == demoUplink || b.OutIf[i] == demoUplink
		}},
		{from: netip.AddrFrom4([4]byte{127, 0, 0, 3}), protocol: encode.IPFIX, takes: func(*flow.Batch, int) bool { return true }},
	}
}

// open connects it to a collector. Where loopback has one address alone, all exporters
// have that one.
func (x *demoExporter) open(ctx context.Context, to string) error {
	d := net.Dialer{LocalAddr: net.UDPAddrFromAddrPort(netip.AddrPortFrom(x.from, 0))}
	var err error
	if x.conn, err = d.DialContext(ctx, "udp", to); err != nil {
		d.LocalAddr = nil
		if x.conn, err = d.DialContext(ctx, "udp", to); err != nil {
			return fmt.Errorf("send to %s: %w", to, err)
		}
	}
	cfg := encode.DefaultConfig()
	cfg.Protocol, cfg.Agent, cfg.Domain = x.protocol, x.from, uint32(x.from.As4()[3])
	enc, err := encode.New(cfg)
	if err != nil {
		return errors.Join(err, x.conn.Close())
	}
	x.b = flow.NewBatch(4096)
	x.send = &sender{enc: enc, speed: 1, send: func(p []byte) error {
		if _, err := x.conn.Write(p); err != nil && !errors.Is(err, syscall.ECONNREFUSED) {
			return err
		}
		return nil
	}}
	return nil
}

// replay sends a scenario of now as the exporters of its network do, in real time, until
// it is over or ctx ends.
func replay(ctx context.Context, s *scenario.Scenario, exporters []*demoExporter) error {
	b := flow.NewBatch(4096)
	for more := true; more; {
		b.Reset()
		more = s.Next(b)
		at := s.Now()
		if !pace(ctx, at) {
			return nil
		}
		deal(b, exporters)
		for _, x := range exporters { // a second's flows of all of them fit into it
			if err := x.send.second(ctx, x.b, at); err != nil {
				return fmt.Errorf("send flows: %w", err)
			}
		}
	}
	return nil
}

// deal gives each flow to the first exporter that tells of it.
func deal(b *flow.Batch, exporters []*demoExporter) {
	for _, x := range exporters {
		x.b.Reset()
	}
	for i := range b.Start {
		for _, x := range exporters {
			if x.takes(b, i) {
				r := b.Record(i)
				x.b.Append(&r)
				break
			}
		}
	}
}

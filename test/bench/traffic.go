// SPDX-License-Identifier: Apache-2.0

package main

import (
	"net/netip"
	"sync"
	"time"

	"tidewatch/enrich"
	"tidewatch/flow"
	"tidewatch/scenario"
)

// Shares of the flows of a day: two sites of offices and shops, IPv4 and IPv6, by day and
// night, and two networks of many devices that each talk to somebody new. Each has an
// exporter of its own.
const (
	officeShare, manyShare = 0.35, 0.15
	// officeRate is what an office and its shop export a second on a Tuesday at scale 1.
	officeRate = 9.6
	manyHosts  = 10_000
	stretch    = 30             // seconds that are made up at once
	longest    = 36 * time.Hour // of a day that has fewer flows than thought
)

// traffic makes up a day of several exporters, as it comes out of enrich.
type traffic struct {
	sources []*scenario.Scenario
	made    [][stretch]*flow.Batch // by source and second
	at      int                    // next second of made
	shift   int64                  // nanoseconds from the scenario's day to ours
	enrich  *enrich.Enricher
}

// newTraffic makes about so many flows in the 24 hours from day on.
func newTraffic(flows int, day time.Time) (*traffic, error) {
	tuesday := time.Date(2026, 3, 3, 0, 0, 0, 0, time.UTC)
	perSecond := float64(flows) / 86_400
	scale := officeShare * perSecond / officeRate
	t := &traffic{shift: day.Sub(tuesday).Nanoseconds(), at: stretch}
	for i, name := range []string{"office", "office", "load", "load"} {
		s, err := scenario.New(name, scenario.Config{
			Seed: uint64(i + 1), Start: tuesday, Duration: longest, Scale: scale,
			LoadRate: max(manyShare*perSecond, 1), LoadHosts: manyHosts,
		})
		if err != nil {
			return nil, err
		}
		t.sources = append(t.sources, s)
	}
	t.made = make([][stretch]*flow.Batch, len(t.sources))
	for i := range t.made {
		for k := range t.made[i] {
			t.made[i][k] = flow.NewBatch(1024)
		}
	}
	cfg := enrich.DefaultConfig()
	cfg.Exporter = exporterOf
	var err error
	t.enrich, err = enrich.New(&cfg)
	return t, err
}

// exporterOf is the address of the exporter of source i.
func exporterOf(i uint32) netip.Addr { return netip.AddrFrom4([4]byte{192, 0, 2, byte(1 + i)}) }

// next is the next second, in b.
func (t *traffic) next(b *flow.Batch) {
	if t.at == stretch {
		t.make()
	}
	b.Reset()
	from := 0
	for i := range t.made {
		b.AppendBatch(t.made[i][t.at])
		for k := from; k < b.Len(); k++ {
			b.Exporter[k] = uint32(i)
		}
		from = b.Len()
	}
	t.enrich.Apply(b)
	t.at++
}

// make fills a stretch, all sources at once.
func (t *traffic) make() {
	var wg sync.WaitGroup
	for i, s := range t.sources {
		wg.Go(func() {
			for _, b := range t.made[i] {
				b.Reset()
				second := s.Now().Unix()
				for more := true; more && s.Now().Unix() == second; { // "load" comes in slices
					more = s.Next(b)
				}
				for k := range b.Len() {
					b.Received[k] += t.shift
					b.Start[k] += t.shift
					b.End[k] += t.shift
					b.SrcAS[k], b.DstAS[k] = asOf(&b.Src[k]), asOf(&b.Dst[k])
				}
			}
		})
	}
	wg.Wait()
	t.at = 0
}

// asOf gives each large network an AS number, and the own ones a private one.
func asOf(a *flow.Addr) uint32 {
	n := uint32(a[0])<<24 | uint32(a[1])<<16 | uint32(a[2])<<8 | uint32(a[3])
	if a.Is4() {
		if n = uint32(a[12])<<8 | uint32(a[13]); a[12] == 10 {
			return 64512
		}
	} else if a[0] == 0xfd {
		return 64512
	}
	return 1 + n*0x9e3779b9>>8%64_000
}

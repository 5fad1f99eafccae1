// SPDX-License-Identifier: Apache-2.0

package baseline

import (
	"encoding/binary"
	"fmt"
	"runtime"
	"slices"
	"testing"
	"time"

	"tidewatch/flow"
)

// crowded is a store with many devices.
type crowded struct {
	*Store
	addrs     []flow.Addr
	now       time.Time
	perDevice float64 // bytes
}

// crowd is a store with so many devices, each with the month of an office.
func crowd(tb testing.TB, n int) *crowded {
	tb.Helper()
	teach := newTeacher(tb, func(c *Config) { c.MaxDevices = n + 1 })
	teach.days(31, nil)
	model := teach.devices[device]
	var addrs []flow.Addr
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for i := range n {
		var a flow.Addr
		binary.BigEndian.PutUint32(a[12:], uint32(i)|10<<24)
		p := *model
		p.log = slices.Clone(model.log)
		l := *model.limit
		p.limit = &l
		teach.devices[a] = &p
		addrs = append(addrs, a)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	return &crowded{teach.Store, addrs, teach.now(), float64(after.HeapAlloc-before.HeapAlloc) / float64(n)}
}

// What it costs to ask for the three measures of a device in one window, as the
// volume detector does each minute.
func BenchmarkJudge(b *testing.B) {
	for _, n := range []int{10_000, 100_000} {
		b.Run(fmt.Sprintf("%d devices", n), func(b *testing.B) {
			s := crowd(b, n)
			ask := func(a flow.Addr) {
				for m := range numMeasures {
					if n, ok := s.At(a, s.now, m); ok {
						sink += n.Sigma(1e7)
					}
				}
			}
			for _, a := range s.addrs {
				ask(a) // the plans of the day
			}
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				ask(s.addrs[i%n])
				i++
			}
			b.ReportMetric(s.perDevice, "B/device")
		})
	}
}

// What it costs to make the plan of a day, once a day for each device.
func BenchmarkPlan(b *testing.B) {
	s := crowd(b, 1000)
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		a := s.addrs[i%len(s.addrs)]
		s.prepare(a, s.devices[a], s.now.Unix()/3600)
		i++
	}
}

// What it costs to learn an hour of a device: it is judged, then appended.
func BenchmarkLearn(b *testing.B) {
	s := crowd(b, 1000)
	hour := s.now.Unix() / 3600
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		s.Learn(s.addrs[i%len(s.addrs)], hour+int64(i/len(s.addrs)), hourOf(6e8), false)
		i++
	}
}

var sink float64 // keeps the compiler from dropping what is measured

// SPDX-License-Identifier: Apache-2.0

package character

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"tidewatch/detect"
	"tidewatch/test/habittest"
)

// pace is how many packets a minute somebody's typing is, pauses left out, or a machine's.
type pace []uint64

func hand() pace  { return pace{12, 140, 60, 400, 25, 90, 310, 15, 200, 75, 18, 120} }
func clock() pace { return pace{80, 80, 82, 80, 79, 80, 80, 81, 80, 80, 80, 80} }

// sizes are the mean ones of packets, in bytes.
type sizes struct{ up, down uint64 }

// session is an hour of one connection.
func session(from, to string, port uint16, p pace, mean sizes) (out []habittest.Talk) {
	for i := range 60 {
		n := p[i%len(p)]
		out = append(out, habittest.Talk{
			From: from, To: to, Port: port, At: noon + time.Duration(i)*time.Minute, For: time.Minute,
			Packets: n, Sent: n * mean.up, Received: n * mean.down,
		})
	}
	return out
}

func each(talks []habittest.Talk, change func(*habittest.Talk)) []habittest.Talk {
	for i := range talks {
		change(&talks[i])
	}
	return talks
}

// What somebody types over a web port is found where nobody sits, and what resembles it
// is not, nor anything where people sit: that may be a chat.
func TestSessions(t *testing.T) {
	t.Parallel()
	type row struct {
		name   string
		device string // empty: a printer of its own
		event  func(device, stranger string) []habittest.Talk
		found  bool
	}
	over := func(port uint16, p pace, mean sizes) func(device, stranger string) []habittest.Talk {
		return func(device, stranger string) []habittest.Talk { return session(device, stranger, port, p, mean) }
	}
	of := func(change func(*habittest.Talk)) func(device, stranger string) []habittest.Talk {
		return func(device, stranger string) []habittest.Talk {
			return each(session(device, stranger, 443, hand(), sizes{80, 130}), change)
		}
	}
	rows := []row{
		{"a shell on a printer", "", over(443, hand(), sizes{80, 130}), true},
		{"on a web server", "10.0.0.80", over(443, hand(), sizes{80, 130}), true},
		{"over plain web's port", "", over(80, hand(), sizes{100, 220}), true},

		{"on a workstation", "10.0.0.6", over(443, hand(), sizes{80, 130}), false},
		{"messages by the clock", "", over(443, clock(), sizes{80, 130}), false},
		{"a channel that is kept alive", "", over(443, append(slices.Repeat(pace{6}, 23), 80), sizes{80, 80}), false},
		{"pages", "", over(443, hand(), sizes{70, 1200}), false},
		{"an upload", "", over(443, hand(), sizes{1300, 60}), false},
		{"a ticker", "", over(443, hand(), sizes{52, 150}), false},
		{"with whom it dealt before", "", func(device, stranger string) []habittest.Talk {
			return append(session(device, stranger, 443, hand(), sizes{80, 130}), daily(device, stranger, 8883, 8*time.Hour))
		}, false},
		{"with whom others deal", "", func(device, _ string) []habittest.Talk {
			return session(device, "203.0.113.4", 443, hand(), sizes{80, 130})
		}, false},
		{"inside", "", func(device, _ string) []habittest.Talk {
			return session(device, "10.0.0.80", 443, hand(), sizes{80, 130})
		}, false},
		{"sampled", "", of(func(x *habittest.Talk) { x.Sampling = 100 }), false},
		{"in the first week", "", of(func(x *habittest.Talk) { x.At -= 4 * day }), false},
	}
	for i := range rows {
		if rows[i].device == "" {
			rows[i].device = printer(i)
		}
	}
	for _, v6 := range []bool{false, true} {
		t.Run(fmt.Sprintf("IPv6 %v", v6), func(t *testing.T) {
			t.Parallel()
			talks := office(len(rows))
			for i := range rows {
				talks = append(talks, rows[i].event(rows[i].device, stranger(i))...)
			}
			if v6 {
				talks = six(each(talks, func(x *habittest.Talk) { // longer headers
					x.Sent, x.Received = x.Sent+20*x.Packets, x.Received+20*x.Packets
				}))
			}
			found := play(t, talks)
			for i := range rows {
				r := &rows[i]
				f, ok := found[strings.Replace(r.device, "10.0.0.", map[bool]string{false: "10.0.0.", true: "fd00::"}[v6], 1)]
				switch {
				case ok != r.found:
					t.Errorf("%s: found %v, want %v: %+v", r.name, ok, r.found, f.Indicators)
				case ok && (f.Kind != "protocol_tunnel" || f.Severity != detect.Medium || f.Indicators[0].Name != "typed_session" || len(f.Top.Destinations) != 1):
					t.Errorf("%s: %s %+v, %+v", r.name, f.Severity, f.Indicators, f.Top)
				}
			}
		})
	}
}

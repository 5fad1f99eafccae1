// SPDX-License-Identifier: Apache-2.0

package character

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"tidewatch/baseline"
	"tidewatch/detect"
	"tidewatch/flow"
	"tidewatch/test/habittest"
)

const (
	day  = 24 * time.Hour
	noon = 8*day + 12*time.Hour
)

// daily is what a device does each day for half an hour.
func daily(from, to string, port uint16, at time.Duration) habittest.Talk {
	return habittest.Talk{From: from, To: to, Port: port, At: at, For: 30 * time.Minute, Daily: true, Sent: 1e5, Received: 2e5}
}

// office is what printers do that take jobs and report to their maker, a web server, and
// workstations that browse, mail through a provider and keep the web server.
func office(printers int) (out []habittest.Talk) {
	for i := range printers {
		out = append(
			out,
			daily("10.0.0.5", printer(i), 9100, 9*time.Hour),
			daily(printer(i), "192.0.2.10", 443, 8*time.Hour),
			daily(printer(i), "10.0.0.53", 53, 8*time.Hour),
		)
	}
	for i := range 4 {
		who := fmt.Sprintf("10.0.0.%d", 5+i)
		for k := range 12 {
			out = append(out, daily(who, fmt.Sprintf("203.0.113.%d", 1+k), 443, 9*time.Hour))
		}
		out = append(out, daily(who, "192.0.2.25", 587, 10*time.Hour))
	}
	return append(out, daily("10.0.0.5", "10.0.0.80", 443, 9*time.Hour), daily("10.0.0.5", "10.0.0.80", 22, 11*time.Hour))
}

func printer(i int) string  { return fmt.Sprintf("10.0.0.%d", 100+i) }
func stranger(i int) string { return fmt.Sprintf("198.51.100.%d", 1+i) }

// begins makes a device use a service for ten minutes, so many bytes a minute.
func begins(from, to string, port uint16, sent, received uint64) habittest.Talk {
	return habittest.Talk{From: from, To: to, Port: port, At: noon, For: 10 * time.Minute, Sent: sent, Received: received}
}

func udp(x habittest.Talk) habittest.Talk                    { x.Proto = flow.ProtoUDP; return x }
func sampled(x habittest.Talk) habittest.Talk                { x.Sampling = 100; return x }
func at(x habittest.Talk, when time.Duration) habittest.Talk { x.At = when; return x }

// six is the IPv6 twin of the talks.
func six(talks []habittest.Talk) []habittest.Talk {
	twin := strings.NewReplacer("10.0.0.", "fd00::", "192.0.2.", "2001:db8:2::", "198.51.100.", "2001:db8:51::", "203.0.113.", "2001:db8:113::")
	out := slices.Clone(talks)
	for i := range out {
		out[i].From, out[i].To = twin.Replace(out[i].From), twin.Replace(out[i].To)
	}
	return out
}

// play returns the newest finding about each subject.
func play(tb testing.TB, talks []habittest.Talk) map[string]detect.Finding {
	tb.Helper()
	found := map[string]detect.Finding{}
	for _, f := range habittest.Play(tb, func(p *baseline.HabitStore) (detect.Detector, error) { return New(DefaultConfig(), p) }, 9, talks...) {
		found[f.Subject.Addr().String()] = f
	}
	return found
}

// Each row is what one device of an office does, side by side with the others.
func TestDetect(t *testing.T) {
	t.Parallel()
	type row struct {
		name   string
		device string // empty: a printer of its own
		event  func(device, stranger string) []habittest.Talk
		want   detect.Severity // empty: nothing at all
		of     string
	}
	one := func(port uint16, sent, received uint64) func(device, stranger string) []habittest.Talk {
		return func(device, stranger string) []habittest.Talk {
			return []habittest.Talk{begins(device, stranger, port, sent, received)}
		}
	}
	old := func(event ...habittest.Talk) func(device, stranger string) []habittest.Talk {
		return func(device, _ string) []habittest.Talk {
			out := []habittest.Talk{daily(device, "192.0.2.26", 587, 12*time.Hour)}
			for _, x := range event {
				x.From = device
				out = append(out, x)
			}
			return out
		}
	}
	rows := []row{
		{"a printer mails a stranger", "", one(25, 1e5, 5e3), detect.Medium, "mail (SMTP)"},
		{"a printer mails 300 MB to a stranger", "", one(587, 30e6, 5e5), detect.High, "mail (SMTP)"},
		{"a printer opens a shell", "", one(22, 5e4, 5e4), detect.Medium, "SSH"},
		{"a web server that offers SSH asks for it", "10.0.0.80", one(22, 5e4, 5e4), detect.Medium, "SSH"},
		{"a printer joins a VPN over UDP", "", func(device, stranger string) []habittest.Talk {
			return []habittest.Talk{udp(begins(device, stranger, 1194, 5e5, 5e5))}
		}, detect.Medium, "a VPN"},
		{"a printer is in Tor", "", one(9001, 5e4, 5e5), detect.Medium, "Tor"},
		{"one of three that ask the same stranger", "", func(device, _ string) []habittest.Talk {
			return []habittest.Talk{begins(device, stranger(200), 6667, 5e4, 5e4), begins(printer(90), stranger(200), 6667, 5e4, 5e4), begins(printer(91), stranger(200), 6667, 5e4, 5e4)}
		}, detect.Medium, "IRC"},
		{"past midnight", "", func(device, stranger string) []habittest.Talk {
			return []habittest.Talk{at(begins(device, stranger, 23, 1e5, 1e5), 8*day-5*time.Minute)}
		}, detect.Medium, "Telnet"},

		{"packets were sampled more than a week ago", "", func(device, stranger string) []habittest.Talk {
			return []habittest.Talk{sampled(at(begins(device, "192.0.2.10", 443, 1e6, 1e6), day)), begins(device, stranger, 22, 1e5, 1e5)}
		}, detect.Medium, "SSH"},

		{"packets are sampled", "", func(device, stranger string) []habittest.Talk {
			return []habittest.Talk{sampled(begins(device, stranger, 22, 30e6, 1e5))}
		}, "", ""},
		{"some of them are", "", func(device, stranger string) []habittest.Talk {
			return []habittest.Talk{begins(device, stranger, 22, 1e5, 1e5), sampled(begins(device, "192.0.2.10", 443, 1e6, 1e6))}
		}, "", ""},
		{"packets were sampled until lately", "", func(device, stranger string) []habittest.Talk {
			return []habittest.Talk{sampled(at(begins(device, "192.0.2.10", 443, 1e6, 1e6), 5*day)), begins(device, stranger, 22, 1e5, 1e5)}
		}, "", ""},
		{"nobody answers over UDP", "", func(device, stranger string) []habittest.Talk {
			return []habittest.Talk{udp(begins(device, stranger, 1194, 5e5, 0))}
		}, "", ""},
		{"hardly anything is exchanged", "", one(22, 2e3, 2e3), "", ""},
		{"web to a stranger", "", one(443, 1e6, 1e6), "", ""},
		{"a shell inside", "", func(device, _ string) []habittest.Talk {
			return []habittest.Talk{begins(device, "10.0.0.80", 22, 1e6, 1e6)}
		}, "", ""},
		{"somebody outside opens a shell on it", "", func(device, stranger string) []habittest.Talk {
			return []habittest.Talk{begins(stranger, device, 22, 1e6, 1e6)}
		}, "", ""},
		{"a workstation uses SSH for the first time", "10.0.0.6", one(22, 30e6, 1e6), "", ""},
		{"in the first week", "", func(device, stranger string) []habittest.Talk {
			return []habittest.Talk{at(begins(device, stranger, 22, 1e6, 1e6), 5*day)}
		}, "", ""},
		{"it always sent scans by mail, and now more", "", old(begins("", "192.0.2.26", 587, 3e6, 1e5)), "", ""},
		{"it always sent scans by mail, now over the other port", "", old(begins("", "198.51.100.250", 465, 3e6, 1e5)), "", ""},
		{"scans are sent by the provider that others use", "", func(device, _ string) []habittest.Talk {
			return []habittest.Talk{begins(device, "192.0.2.25", 587, 1e6, 1e5)}
		}, "", ""},
	}
	for i := range rows {
		rows[i].device = cmp.Or(rows[i].device, printer(i))
	}
	for _, v6 := range []bool{false, true} {
		t.Run(fmt.Sprintf("IPv6 %v", v6), func(t *testing.T) {
			t.Parallel()
			talks := office(len(rows) + 15)
			for i := range rows {
				talks = append(talks, rows[i].event(rows[i].device, stranger(i))...)
			}
			if v6 {
				talks = six(talks)
			}
			found := play(t, talks)
			for i := range rows {
				r := &rows[i]
				f, ok := found[strings.Replace(r.device, "10.0.0.", map[bool]string{false: "10.0.0.", true: "fd00::"}[v6], 1)]
				switch {
				case r.want == "" && ok:
					t.Errorf("%s: found %+v", r.name, f.Indicators)
				case r.want != "" && !ok:
					t.Errorf("%s: not found", r.name)
				case ok && (f.Kind != "protocol_tunnel" || f.Severity != r.want || f.Indicators[0].Detail != r.of || len(f.Top.Destinations) == 0 || len(f.Top.Ports) != 1):
					t.Errorf("%s: %s %+v, %+v", r.name, f.Severity, f.Indicators, f.Top)
				}
			}
		})
	}
}

// What a tenth of the devices of few habits do is not out of character for one more.
func TestCustom(t *testing.T) {
	t.Parallel()
	for senders, want := range []int{1, 1, 0} {
		talks := append(office(7), begins(printer(0), stranger(0), 25, 1e6, 1e5))
		for i := range senders {
			talks = append(talks, daily(printer(1+i), "192.0.2.26", 25, 12*time.Hour))
		}
		if found := play(t, talks); len(found) != want {
			t.Errorf("%d other printers send mail: %d findings, want %d", senders, len(found), want)
		}
	}
}

// It is found within minutes, and told as long as it goes on.
func TestHowSoon(t *testing.T) {
	t.Parallel()
	talks := append(office(1), begins(printer(0), stranger(0), 22, 1e5, 1e5))
	out := habittest.Play(t, func(p *baseline.HabitStore) (detect.Detector, error) { return New(DefaultConfig(), p) }, 9, talks...)
	if len(out) < 5 {
		t.Fatalf("%d findings", len(out))
	}
	began := time.Unix(habittest.Start, 0).Add(noon)
	if d := out[0].At.Sub(began); d > 4*time.Minute {
		t.Errorf("found after %v", d)
	}
	if d := out[len(out)-1].At.Sub(began); d < 9*time.Minute || d > 14*time.Minute {
		t.Errorf("told for the last time after %v", d)
	}
}

// A minute of services in character allocates nothing, even of those that are watched.
func TestQuietAllocatesNothing(t *testing.T) {
	w, past := habittest.Quiet(t, 100)
	for _, watched := range []bool{false, true} {
		d, err := New(DefaultConfig(), past)
		if err != nil {
			t.Fatal(err)
		}
		if watched { // those of the quiet minute, which are used of old
			d.table[0] = ports{1, flow.ProtoTCP, 400, 404}
			c := w.Contact(0)
			if h := past.Habits(c.Addr); !d.few(h, w.Now/3600, 1<<15) || !d.measure(w, c, new([classes]use)) {
				t.Fatal("the devices are not looked at")
			}
		}
		if n := testing.AllocsPerRun(10, func() {
			d.now = 0 // as if a minute had passed
			if out := d.Detect(w, nil); len(out) != 0 {
				t.Fatalf("found %+v", out[0])
			}
		}); n != 0 {
			t.Errorf("watched %v: %v allocations a minute", watched, n)
		}
	}
}

// Among more devices than a second has time for all are counted in the end, those are
// waited for, and nobody is counted twice.
func TestCensus(t *testing.T) {
	const devices = 2500
	w, past := habittest.Quiet(t, devices)
	d, err := New(DefaultConfig(), past)
	if err != nil {
		t.Fatal(err)
	}
	d.table[0] = ports{1, flow.ProtoTCP, 400, 404}
	since, _ := past.Slot(w.Now / 3600)
	key := past.PeerKey(&w.Contact(0).Peers()[0])
	for _, passed := range []int{1, 3} { // a second at a time, and more at once
		d.census = census{}
		used, friends, seconds := d.census.class(1), d.census.peer(key), 0
		for ; used.state != answered; seconds += passed {
			if friends.state == answered || seconds > 10 {
				t.Fatalf("after %d s: %+v, %+v", seconds, used, friends)
			}
			d.census.begin(since, passed)
			used, friends = d.census.class(1), d.census.peer(key)
			d.walk(w.Now / 3600)
		}
		if used.like != devices || used.users != devices || friends.users != devices {
			t.Errorf("%d like it, %d use it, %d met the peer", used.like, used.users, friends.users)
		}
		if seconds != 3 {
			t.Errorf("%d devices took %d s", devices, seconds)
		}
	}
	for i := range uint32(addresses + 10) { // an outbreak: what there is no room for is not weighed
		d.census.begin(since, 60)
		if room := d.census.peer(1+i) != nil; room != (i < addresses-1) {
			t.Fatalf("address %d: room %v", i, room)
		}
		d.walk(w.Now / 3600)
	}
	d.census.begin(since+1, 1)
	if a := d.census.peer(key); a == nil || a.state != waiting {
		t.Error("an answer held for more than its day")
	}
}

// benchmarked are the numbers of devices.
func benchmarked() [2]int { return [2]int{10_000, 100_000} }

// BenchmarkDetect is a second in which a sixtieth of the devices is looked at. Of the
// larger number so many have contacts as there may be by default.
func BenchmarkDetect(b *testing.B) {
	for _, devices := range benchmarked() {
		b.Run(fmt.Sprintf("a second, %d devices", devices), func(b *testing.B) {
			w, past := habittest.Quiet(b, devices)
			d, err := New(DefaultConfig(), past)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				d.now = w.Now - 1
				d.Detect(w, nil)
			}
		})
	}
}

// BenchmarkCensus is a second of a pass for one use that somebody began, and for as many
// as there can be.
func BenchmarkCensus(b *testing.B) {
	for _, devices := range benchmarked() {
		w, past := habittest.Quiet(b, devices)
		since, _ := past.Slot(w.Now / 3600)
		for _, uses := range []int{1, perPass} {
			b.Run(fmt.Sprintf("a second, %d devices, %d uses", devices, uses), func(b *testing.B) {
				d, err := New(DefaultConfig(), past)
				if err != nil {
					b.Fatal(err)
				}
				for b.Loop() {
					if d.census.begin(since, 1); !d.census.running {
						d.census = census{since: since, left: perSecond}
						for i := range uses {
							d.census.class(class(1 + i%(classes-1)))
							d.census.peer(uint32(i))
						}
					}
					d.walk(w.Now / 3600)
				}
			})
		}
	}
}

func TestValidate(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"services": func(c *Config) { c.Services = 0 }, "floor": func(c *Config) { c.MinBytes = 0 },
		"much": func(c *Config) { c.MuchBytes = c.MinBytes - 1 }, "share": func(c *Config) { c.LikeShare = 0 },
		"days": func(c *Config) { c.LearnDays = 0 }, "score": func(c *Config) { c.Score = 1.1 },
	} {
		c := DefaultConfig()
		change(&c)
		if _, err := New(c, nil); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

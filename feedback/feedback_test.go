// SPDX-License-Identifier: Apache-2.0

package feedback

import (
	"fmt"
	"math"
	"net/netip"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tidewatch/detect"
)

func day(n int) time.Time { return time.Date(2026, 3, 1+n, 12, 0, 0, 0, time.UTC) }

func host(s string) netip.Prefix {
	a := netip.MustParseAddr(s)
	return netip.PrefixFrom(a, a.BitLen())
}

// said is a book with verdicts on 192.0.2.10, one a day.
func said(t *testing.T, verdicts ...Verdict) *Book {
	t.Helper()
	cfg := DefaultConfig()
	b, err := NewBook(&cfg)
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range verdicts {
		e := New(fmt.Sprintf("inc-%d", i), "192.0.2.10", "ddos", v)
		e.By, e.At = "anna", day(i)
		if err := b.Add(&e); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

func TestFactor(t *testing.T) {
	const n, a = Normal, Attack
	for _, tc := range []struct {
		verdicts []Verdict
		want     float64
	}{
		{nil, 1},
		{[]Verdict{n}, 1.25},
		{[]Verdict{n, n}, 1.5625},
		{[]Verdict{n, n, n}, 1.953125},
		{[]Verdict{n, n, n, n, n, n}, 2},
		{[]Verdict{a}, 0.8},
		{[]Verdict{a, a, a, a, a}, 0.5},
		{[]Verdict{n, a}, 1},
		{[]Verdict{n, n, n, n, n, a}, 1.6}, // a bound is no debt: one word the other way counts
		{[]Verdict{a, a, a, a, a, n}, 0.625},
	} {
		got, last := said(t, tc.verdicts...).Factor(host("192.0.2.10"), "ddos", day(10))
		if math.Abs(got-tc.want) > 1e-12 {
			t.Errorf("%v: %v, want %v", tc.verdicts, got, tc.want)
		}
		if n := len(tc.verdicts); n > 0 && !last.At.Equal(day(n-1)) {
			t.Errorf("%v: the last is of %v", tc.verdicts, last.At)
		}
	}
	b := said(t, n)
	if f, _ := b.Factor(host("192.0.2.11"), "ddos", day(1)); f != 1 {
		t.Errorf("another subject has %v", f)
	}
	if f, _ := b.Factor(host("192.0.2.10"), "exfiltration", day(1)); f != 1 {
		t.Errorf("another kind has %v", f)
	}
}

func TestApply(t *testing.T) {
	for _, tc := range []struct {
		verdicts int // normal when above 0, attack below
		score    float64
		severity detect.Severity
		want     float64
		becomes  detect.Severity
	}{
		{1, 0.9, detect.Critical, 0.805, detect.High},
		{9, 0.9, detect.Critical, 0.636, detect.Medium},
		{9, 1, detect.Critical, 0.707, detect.Medium},
		{9, 0.8, detect.High, 0.566, detect.Low},
		{1, 0.65, detect.Medium, 0.581, detect.Low}, // volume over 3 sigma
		{1, 0.8, detect.High, 0.716, detect.Medium}, // volume over 5 sigma
		{-1, 0.65, detect.Medium, 0.727, detect.Medium},
		{-2, 0.65, detect.Medium, 0.813, detect.High},
		{-9, 0.9, detect.Critical, 1, detect.Critical},
		{9, 0.5, detect.Critical, 0.354, detect.Critical}, // a severity of its own keeps its distance
		{9, 0.75, detect.Critical, 0.53, detect.Medium},
	} {
		v := Normal
		if tc.verdicts < 0 {
			v = Attack
		}
		var all []Verdict
		for range max(tc.verdicts, -tc.verdicts) {
			all = append(all, v)
		}
		whole := make([]detect.Indicator, 2)
		f := detect.Finding{Kind: "ddos", Subject: host("192.0.2.10"), Score: tc.score, Severity: tc.severity, Indicators: whole[:1]}
		if !said(t, all...).Apply(day(20), &f) || f.Score != tc.want || f.Severity != tc.becomes {
			t.Errorf("%d verdicts on %v %s: %v %s, want %v %s", tc.verdicts, tc.score, tc.severity, f.Score, f.Severity, tc.want, tc.becomes)
		}
		i := f.Indicators[len(f.Indicators)-1]
		if len(f.Indicators) != 2 || i.Name != "feedback" || i.Weight != 0 || i.Detail != "since "+day(len(all)-1).Format(time.DateOnly)+" by anna" {
			t.Errorf("indicators %+v", f.Indicators)
		}
		if whole[1].Name != "" {
			t.Error("a list that the finding shares is written over")
		}
	}
}

// What nobody spoke about is not touched, and costs nothing.
func TestOthersAreUntouched(t *testing.T) {
	b := said(t, Normal, Normal)
	f := detect.Finding{Kind: "ddos", Subject: host("192.0.2.99"), Score: 0.9, Severity: detect.Critical}
	if n := testing.AllocsPerRun(100, func() {
		if b.Apply(day(3), &f) || f.Score != 0.9 || f.Indicators != nil {
			t.Fatalf("%+v", f)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// However often somebody calls it normal, an attack that was critical is told of.
func TestCriticalIsNeverHidden(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cfg := DefaultConfig()
		b, err := NewBook(&cfg)
		if err != nil {
			t.Fatal(err)
		}
		for i, v := range rapid.SliceOfN(rapid.SampledFrom([]Verdict{Normal, Normal, Attack}), 0, 30).Draw(t, "verdicts") {
			e := New(fmt.Sprint("inc-", i), "192.0.2.10", "ddos", v)
			e.At = day(i)
			if err := b.Add(&e); err != nil {
				t.Fatal(err)
			}
		}
		score := rapid.Float64Range(0, 1).Draw(t, "score")
		f := detect.Finding{Kind: "ddos", Subject: host("192.0.2.10"), Score: score, Severity: detect.SeverityOf(score)}
		was := f.Severity
		b.Apply(day(31), &f)
		if f.Score < 0 || f.Score > 1 || was == detect.Critical && f.Severity.Rank() < detect.Medium.Rank() {
			t.Fatalf("%v %s became %v %s", score, was, f.Score, f.Severity)
		}
		if was != detect.SeverityOf(score) || f.Severity != detect.SeverityOf(f.Score) {
			t.Fatalf("%v is %s", f.Score, f.Severity)
		}
	})
}

func TestExpires(t *testing.T) {
	b := said(t, Normal, Normal)
	for d, want := range map[int]float64{0: 1.5625, 89: 1.5625, 90: 1.25, 91: 1} {
		if got, _ := b.Factor(host("192.0.2.10"), "ddos", day(d)); got != want {
			t.Errorf("after %d days: %v, want %v", d, got, want)
		}
	}
	if got := b.List(day(90)); len(got) != 1 || b.Stats().Expired != 1 {
		t.Errorf("%v, %+v", got, b.Stats())
	}
}

// One incident has one verdict; the last word counts.
func TestOneVerdictAnIncident(t *testing.T) {
	b := said(t, Normal)
	for i := range 5 {
		e := New("inc-0", "192.0.2.10", "ddos", Attack)
		e.At = day(i)
		if err := b.Add(&e); err != nil {
			t.Fatal(err)
		}
	}
	if got, _ := b.Factor(host("192.0.2.10"), "ddos", day(6)); got != 0.8 || b.Len() != 1 {
		t.Errorf("%v of %d", got, b.Len())
	}
	if !b.Remove("fb-0") || b.Remove("fb-0") {
		t.Error("it cannot be taken back once")
	}
	if got, _ := b.Factor(host("192.0.2.10"), "ddos", day(6)); got != 1 {
		t.Errorf("taken back: %v", got)
	}
}

// A full book forgets what was said first, also when verdicts come out of order.
func TestBound(t *testing.T) {
	b, err := NewBook(&Config{Expires: time.Hour * 24 * 365, MaxEntries: 3})
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range []int{3, 1, 5, 2, 4} {
		e := New(fmt.Sprint("inc-", d), fmt.Sprintf("192.0.2.%d", d), "ddos", Normal)
		e.At = day(d)
		if err := b.Add(&e); err != nil {
			t.Fatal(err)
		}
	}
	var days []string
	for _, e := range b.List(day(6)) {
		days = append(days, e.Incident)
	}
	if got := fmt.Sprint(days); got != "[inc-3 inc-4 inc-5]" || b.Stats().Dropped != 2 {
		t.Errorf("%s, %+v", got, b.Stats())
	}
	if f, _ := b.Factor(host("192.0.2.1"), "ddos", day(6)); f != 1 {
		t.Errorf("a forgotten verdict counts %v", f)
	}
	if err := b.Configure(&Config{Expires: time.Hour * 24 * 365, MaxEntries: 1}); err != nil || b.Len() != 1 {
		t.Errorf("%d held, %v", b.Len(), err)
	}
}

func TestRefused(t *testing.T) {
	b := said(t)
	for name, e := range map[string]Entry{
		"no subject": New("inc-1", "printer", "ddos", Normal),
		"no verdict": New("inc-1", "192.0.2.1", "ddos", "uncertain"),
		"no id":      {Subject: "192.0.2.1", Kind: "ddos", Verdict: Normal},
	} {
		if err := b.Add(&e); err == nil || b.Len() != 0 {
			t.Errorf("%s is taken", name)
		}
	}
	net6 := New("inc-2", "2001:db8::/32", "ddos", Attack)
	net6.At = day(0)
	if err := b.Add(&net6); err != nil {
		t.Error(err)
	}
	if f, _ := b.Factor(netip.MustParsePrefix("2001:db8::/32"), "ddos", day(1)); f != 0.8 {
		t.Errorf("a network has %v", f)
	}
	for _, c := range []Config{{}, {Expires: time.Minute, MaxEntries: 1}, {Expires: time.Hour}, {Expires: 2 * oldest, MaxEntries: 1}} {
		if _, err := NewBook(&c); err == nil {
			t.Errorf("%+v is accepted", c)
		}
		if err := b.Configure(&c); err == nil {
			t.Errorf("%+v is accepted", c)
		}
	}
}

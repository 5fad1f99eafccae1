// SPDX-License-Identifier: Apache-2.0

package flowfile

import (
	"fmt"
	"strings"
	"testing"

	"tidewatch/flow"
)

func TestAppendConn(t *testing.T) {
	a, b := flow.AddrFrom4([4]byte{10, 0, 0, 1}), flow.AddrFrom4([4]byte{192, 0, 2, 1})
	base := Conn{
		Start: 100, End: 50, From: a, To: b, FromPort: 1000, ToPort: 80, Proto: flow.ProtoTCP,
		Sent: Side{Packets: 2, Bytes: 100, TCPFlags: flow.SYN}, Got: Side{Packets: 1, Bytes: 40, NoFlags: true},
	}
	for name, tc := range map[string]struct {
		edit func(*Conn)
		want []string
	}{
		"both ways":  {func(*Conn) {}, []string{"10.0.0.1:1000>192.0.2.1:80 2/100 f2 m0", "192.0.2.1:80>10.0.0.1:1000 1/40 f0 m48"}},
		"one way":    {func(c *Conn) { c.Got = Side{} }, []string{"10.0.0.1:1000>192.0.2.1:80 2/100 f2 m0"}},
		"answer":     {func(c *Conn) { c.Sent = Side{} }, []string{"192.0.2.1:80>10.0.0.1:1000 1/40 f0 m48"}},
		"opened by":  {func(c *Conn) { c.Answered = true; c.Got = Side{} }, []string{"10.0.0.1:1000>192.0.2.1:80 2/100 f2 m40"}},
		"no packets": {func(c *Conn) { c.Sent, c.Got = Side{}, Side{} }, nil},
		"icmp": {func(c *Conn) { c.Proto, c.Sent.ICMP, c.Got.ICMP = 1, 8<<8, 0 }, []string{
			"10.0.0.1:0>192.0.2.1:2048 2/100 f0 m0", "192.0.2.1:0>10.0.0.1:0 1/40 f0 m40",
		}},
	} {
		c := base
		tc.edit(&c)
		tally, out := NewTally("x"), flow.NewBatch(0)
		tally.AppendConn(out, &c)
		if out.Len() != len(tc.want) {
			t.Errorf("%s: %d records", name, out.Len())
			continue
		}
		for i, want := range tc.want {
			r := out.Record(i)
			m := r.Mark &^ (flow.NoInterface | flow.Clamped)
			got := fmt.Sprintf("%s:%d>%s:%d %d/%d f%d m%x", r.Src, r.SrcPort, r.Dst, r.DstPort, r.Packets, r.Bytes, r.TCPFlags, uint16(m))
			if got != want {
				t.Errorf("%s: %s, want %s", name, got, want)
			}
			if r.Start != 100 || r.End != 100 || r.Mark&flow.Clamped == 0 {
				t.Errorf("%s: an end before the start gives %d to %d, marks %x", name, r.Start, r.End, r.Mark)
			}
		}
	}
}

func TestTallyBoundsItsNotesAndKinds(t *testing.T) {
	tally := NewTally("x")
	for i := range 1000 {
		tally.Skip(ReasonLine, fmt.Sprintf("line %d", i), "is bad")
		tally.Ignore(fmt.Sprintf("kind%d", i))
	}
	s := tally.Stats()
	if s.Skipped != 1000 || s.Reasons[ReasonLine] != 1000 || len(s.Notes) != maxNotes+2 {
		t.Errorf("%+v", s)
	}
	if len(s.Reasons) > 40 || !strings.Contains(strings.Join(s.Notes, "\n"), "995 more damaged places") {
		t.Errorf("%d reasons, notes %q", len(s.Reasons), s.Notes)
	}
}

func TestWordsFromFilesAreTame(t *testing.T) {
	for in, want := range map[string]string{"dns": "dns", "a\r\nb\x1b[31m": "a__b__31m", strings.Repeat("x", 99): strings.Repeat("x", 40), "é": "_"} {
		if got := Word(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

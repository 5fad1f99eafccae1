// SPDX-License-Identifier: Apache-2.0

package decode

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"tidewatch/flow"
)

// biflowSpec is an RFC 5103 template as YAF writes it.
func biflowSpec() []byte {
	return join(
		u16(256), u16(16),
		fieldSpec(152, 8, 0), fieldSpec(153, 8, 0), fieldSpec(8, 4, 0), fieldSpec(12, 4, 0), fieldSpec(7, 2, 0), fieldSpec(11, 2, 0),
		fieldSpec(4, 1, 0), fieldSpec(85, 8, 0), fieldSpec(86, 8, 0), fieldSpec(10, 4, 0), fieldSpec(14, 4, 0),
		fieldSpec(85, 8, penReverse), fieldSpec(86, 4, penReverse), fieldSpec(15, 1, penCERT), fieldSpec(15|0x4000, 1, penCERT),
		fieldSpec(21, 4, penCERT),
	)
}

func biflowRecord(reverseBytes, reversePackets int) []byte {
	return join(
		u64(t0*1000-3000), u64(t0*1000-1000), []byte{10, 0, 0, 1}, []byte{198, 51, 100, 7}, u16(40_000), u16(443),
		[]byte{flow.ProtoTCP}, u64(500), u64(5), u32(1), u32(2),
		u64(uint64(reverseBytes)), u32(reversePackets), []byte{flow.SYN}, []byte{flow.SYN | flow.ACK}, u32(40),
	)
}

// A biflow is two records; the reverse half has changed sides and counts its own.
func TestBiflow(t *testing.T) {
	forward := flow.Record{
		Received: t0 * second, Start: (t0 - 3) * second, End: (t0 - 1) * second,
		Src: addr("10.0.0.1"), Dst: addr("198.51.100.7"), SrcPort: 40_000, DstPort: 443, Proto: flow.ProtoTCP,
		TCPFlags: flow.SYN, Mark: flow.NoRate, Bytes: 500, Packets: 5, Sampling: 1, InIf: 1, OutIf: 2,
	}
	reverse := flow.Record{
		Received: t0 * second, Start: (t0-3)*second + 40*millisecond, End: (t0 - 1) * second,
		Src: addr("198.51.100.7"), Dst: addr("10.0.0.1"), SrcPort: 443, DstPort: 40_000, Proto: flow.ProtoTCP,
		TCPFlags: flow.SYN | flow.ACK, Mark: flow.NoRate | flow.Reverse, Bytes: 900, Packets: 9, Sampling: 1, InIf: 2, OutIf: 1,
	}
	d := newDecoder(t, nil)
	got := decodeOne(t, d, messageIPFIX(0, 1, setOf(2, biflowSpec()),
		setOf(256, biflowRecord(0, 0), biflowRecord(900, 9), biflowRecord(0, 0), biflowRecord(900, 9))))
	want := []flow.Record{forward, forward, forward, forward, reverse, reverse}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if s := only(t, d); s.NoRate != 6 || s.Records != 6 {
		t.Errorf("%d records, %d without rate", s.Records, s.NoRate)
	}
}

// The same with a field of variable length in it.
func TestBiflowVariable(t *testing.T) {
	spec := biflowSpec()
	spec[3]++ // one field more
	spec = append(spec, fieldSpec(82, variable, 0)...)
	d := newDecoder(t, nil)
	got := decodeOne(t, d, messageIPFIX(0, 1, setOf(2, spec),
		setOf(256, biflowRecord(0, 0), []byte{1, 'a'}, biflowRecord(900, 9), []byte{0})))
	if len(got) != 3 || got[2].Bytes != 900 || got[2].Mark&flow.Reverse == 0 || got[2].DstPort != 40_000 || got[1].Mark&flow.Reverse != 0 {
		t.Errorf("got %+v", got)
	}
}

// Cisco's firewall counts both directions; its update and its deletion of one
// flow at one time say the same, so the second is a duplicate.
func TestFirewallEvents(t *testing.T) {
	fields := []int{8, 4, 12, 4, 7, 2, 11, 2, 4, 1, 152, 8, 323, 8, 231, 4, 232, 4, 233, 1}
	event := func(kind byte, out, back int) []byte {
		return join([]byte{10, 0, 0, 1}, []byte{198, 51, 100, 7}, u16(40_000), u16(443), []byte{flow.ProtoTCP},
			u64(t0*1000-3000), u64(t0*1000-1000), u32(out), u32(back), []byte{kind})
	}
	got := decodeOne(t, newDecoder(t, nil), message9(0, 1, setOf(0, templateOf(263, fields...)),
		setOf(263, event(1, 0, 0), event(5, 81, 763), event(2, 81, 763), event(2, 82, 0))))
	type row struct {
		bytes     uint64
		src       string
		duplicate bool
		reverse   bool
	}
	var rows []row
	for i := range got {
		r := &got[i]
		rows = append(rows, row{r.Bytes, r.Src.String(), r.Mark&flow.Duplicate != 0, r.Mark&flow.Reverse != 0})
		if r.End != (t0-1)*second {
			t.Errorf("record %d ends at %d", i, r.End)
		}
	}
	want := []row{
		{0, "10.0.0.1", false, false},
		{81, "10.0.0.1", false, false},
		{81, "10.0.0.1", true, false},
		{82, "10.0.0.1", false, false},
		{763, "198.51.100.7", false, true},
		{763, "198.51.100.7", true, true},
	}
	if diff := cmp.Diff(want, rows, cmp.AllowUnexported(row{})); diff != "" {
		t.Error(diff)
	}
}

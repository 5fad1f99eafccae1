// SPDX-License-Identifier: Apache-2.0

package parquet

import (
	"bytes"
	"errors"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"

	"tidewatch/flow"
	"tidewatch/flowfile"
	"tidewatch/flowfile/flowfiletest"
	"tidewatch/segment"
	"tidewatch/test/shareddata"
)

func exporter(i uint32) netip.Addr { return netip.AddrFrom4([4]byte{192, 0, 2, byte(i)}) }

// file is a segment of n judged flows of two exporters, sampled at 1:100.
func file(tb testing.TB, n int) []byte {
	tb.Helper()
	b := flow.NewBatch(n)
	for i := range n {
		at := int64(1_700_000_000+i) * 1e9
		b.Append(&flow.Record{
			Received: at, Start: at - 5e9, End: at, Src: flow.AddrFrom4([4]byte{10, 0, 0, 1}), Dst: flow.AddrFrom4([4]byte{192, 0, 2, 1}),
			Proto: flow.ProtoUDP, SrcPort: 53, Bytes: 90_000, Packets: 100, Sampling: 100, Exporter: uint32(i % 2),
			Mark: flow.SrcInternal | flow.Duplicate | flow.NoInterface,
		})
	}
	var out bytes.Buffer
	w := segment.NewWriter(&out, exporter)
	if err := w.Append(b); err != nil {
		tb.Fatal(err)
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return out.Bytes()
}

// A segment gives what exporters said: volumes are multiplied by who judges, and
// direction and duplicates are found anew.
func TestRead(t *testing.T) {
	t.Parallel()
	told := map[uint32]netip.Addr{}
	b, s, err := flowfiletest.Bytes(t, file(t, 3), Format(), flowfile.Options{
		Exporter: func(i uint32, a netip.Addr) { told[i] = a },
	})
	if err != nil || b.Len() != 3 || s.Packets != 3 || s.Bytes != 2700 || s.Exporters != 2 || s.Format != "flow history version 2" {
		t.Fatalf("%d records, %+v (%v)", b.Len(), s, err)
	}
	if r := b.Record(1); r.Bytes != 900 || r.Packets != 1 || r.Sampling != 100 || r.Mark != flow.NoInterface || told[r.Exporter] != exporter(1) {
		t.Errorf("record %+v of %v", r, told[r.Exporter])
	}
}

// What no file of ours is, is refused in one line that tells what to do.
func TestRefused(t *testing.T) {
	t.Parallel()
	data := file(t, 3)
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if _, err := z.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		in   io.Reader
		want string
	}{
		"compressed":   {&packed, "unpack it to a file"},
		"piped":        {io.MultiReader(bytes.NewReader(data)), "unpack it to a file"},
		"cut off":      {bytes.NewReader(data[:len(data)-9]), "cut off"},
		"only a start": {strings.NewReader("PAR1"), "ends early"},
	} {
		_, err := flowfile.OpenStream("x.parquet", tc.in, []flowfile.Format{Format()}, "", flowfile.Options{})
		if err == nil || !strings.Contains(err.Error(), tc.want) || !strings.Contains(err.Error(), "x.parquet") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A damaged row group costs its flows, and is told of.
func TestDamagedRowGroup(t *testing.T) {
	t.Parallel()
	data := file(t, segment.GroupRows+10)
	data[100] ^= 0xff
	b, s, err := flowfiletest.Bytes(t, data, Format(), flowfile.Options{})
	if err != nil || b.Len() != 10 || s.Skipped != 1 || s.Reasons[ReasonDamage] != 1 {
		t.Errorf("%d records, %+v (%v)", b.Len(), s, err)
	}
}

// A file on standard input can be read where it is a file.
func TestOpenByName(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "anything")
	if err := os.WriteFile(path, file(t, 5), 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := flowfile.Open(path, []flowfile.Format{Format()}, "", flowfile.Options{})
	if err != nil {
		t.Fatal(err)
	}
	b := flow.NewBatch(0)
	for {
		if _, err := r.Read(b); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Close(); err != nil || b.Len() != 5 {
		t.Errorf("%d records (%v)", b.Len(), err)
	}
}

func TestForeign(t *testing.T) {
	t.Parallel()
	flowfiletest.Foreign(t, shareddata.Dir(t), Format())
}

func FuzzParquet(f *testing.F) {
	f.Add(file(f, 1))
	f.Add(file(f, 40))
	f.Fuzz(func(t *testing.T, data []byte) { flowfiletest.Fuzz(t, data, Format()) })
}

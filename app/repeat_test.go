// SPDX-License-Identifier: Apache-2.0

//go:build !race

package app

import (
	"errors"
	"io"
	"net/netip"
	"path/filepath"
	"testing"

	"tidewatch/decode"
	"tidewatch/flow"
	"tidewatch/flowfile"
	"tidewatch/test/repeat"
	"tidewatch/test/shareddata"
)

// The same repeated at their own rate to 30 s, over ordinary web traffic of the victim.
func TestRealFloodsOverBackground(t *testing.T) {
	t.Parallel()
	dir := shareddata.Dir(t)
	for _, a := range attacks() {
		r, err := flowfile.Open(filepath.Join(dir, a.file), Formats(), "", flowfile.Options{DecodeConfig: decode.DefaultConfig()})
		if err != nil {
			t.Fatal(err)
		}
		capture := flow.NewBatch(1 << 14)
		for err == nil {
			_, err = r.Read(capture)
		}
		if !errors.Is(err, io.EOF) {
			t.Fatal(err)
		}
		_ = r.Close()
		e, err := NewEngine(testConfig(a.networks()), nil)
		if err != nil {
			t.Fatal(err)
		}
		mixed, start := repeat.Over(capture, netip.MustParseAddr(a.subject), a.skip*1e9)
		e.Process(mixed)
		e.Drain()
		got := e.Incidents()
		one(t, a.file, got, a.subject, a.vector)
		if len(got) == 1 {
			if d := got[0].Started.UnixNano() - start - a.onset*1e9; d > 1e9 || d < -1e9 {
				t.Errorf("%s: started %.1f s after the first packet of the attack", a.file, float64(d)/1e9)
			}
		}
	}
}

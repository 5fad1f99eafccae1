// SPDX-License-Identifier: Apache-2.0

package segment

import (
	"flag"
	"fmt"
	"os"
	"testing"
)

var update = flag.Bool("update", false, "write the file of the present version")

// Files of every version that was ever written are read. testdata has one each, made by
// the program of its time; only that of the present version can be made anew.
func TestOldVersions(t *testing.T) {
	t.Parallel()
	want := traffic(1, 50)
	name := func(version int) string { return fmt.Sprintf("testdata/version%d.parquet", version) }
	if *update {
		if err := os.WriteFile(name(Version), write(t, want), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for version := 1; version <= Version; version++ {
		data, err := os.ReadFile(name(version))
		if err != nil {
			t.Fatal(err)
		}
		f := open(t, data)
		if f.Version() != version {
			t.Errorf("version %d, want %d", f.Version(), version)
		}
		same(t, rows(want), records(t, f))
	}
}

// A column that a later version brings is zero in the files of older ones.
func TestColumnThatIsMissing(t *testing.T) {
	t.Parallel()
	f := open(t, write(t, traffic(1, 3)))
	g := f.Groups()[0]
	g.chunks[DstAS], g.chunks[Bytes], g.chunks[Src] = chunk{}, chunk{}, chunk{}
	s := scanner(t)
	as, err := s.Small(&g, DstAS, nil)
	if err != nil || len(as) != 3 || as[2] != 0 {
		t.Errorf("AS numbers %v (%v)", as, err)
	}
	volume, err := s.Wide(&g, Bytes, nil)
	if err != nil || len(volume) != 3 || volume[0] != 0 {
		t.Errorf("bytes %v (%v)", volume, err)
	}
	var src Addrs
	if err := s.Addrs(&g, Src, &src); err != nil || len(src.Index) != 3 || !src.Dict[src.Index[1]].IsZero() {
		t.Errorf("sources %v (%v)", src, err)
	}
}

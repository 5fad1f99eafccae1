// SPDX-License-Identifier: Apache-2.0

package flowfiletest

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tidewatch/flow"
	"tidewatch/flowfile"
)

// Shared reads files of the captures in dir with one format. want says of each either
// how many records it gives, without damage ("12 records"), or a part of the
// line that refuses it. Every other file of the captures must not be taken for
// this format or must be opened or refused in one line.
func Shared(tb testing.TB, dir string, f flowfile.Format, want map[string]string) {
	tb.Helper()
	for name, w := range want {
		b, s, err := Open(tb, filepath.Join(dir, name), f, flowfile.Options{})
		var got string
		switch {
		case err != nil && strings.Contains(err.Error(), w) && !strings.Contains(err.Error(), "\n"):
			continue
		case err != nil:
			got = err.Error()
		default:
			if got = fmt.Sprintf("%d records", b.Len()); got == w && s.Skipped == 0 {
				continue
			}
		}
		tb.Errorf("%s: %s, want %s; %+v", name, got, w, s)
	}
}

// Foreign opens every file of the captures in dir, outside the folders that own
// names, and fails for one that it takes for its own.
func Foreign(tb testing.TB, dir string, f flowfile.Format, own ...string) {
	tb.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, _ := filepath.Rel(dir, path)
		for _, o := range own {
			if strings.HasPrefix(rel, o) {
				return nil
			}
		}
		if f.Detect(head(tb, path)) {
			tb.Errorf("%s is taken for %s", rel, f.Name)
		}
		return nil
	})
	if err != nil {
		tb.Error(err)
	}
}

func head(tb testing.TB, path string) []byte {
	tb.Helper()
	in, err := os.Open(path) //nolint:gosec // a capture
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = in.Close() }()
	var seen []byte
	// A format that knows everything sees what Open shows to formats.
	spy := flowfile.Format{Name: "spy", Detect: func(h []byte) bool { seen = bytes.Clone(h); return true }, Open: refuse}
	if r, err := flowfile.OpenStream(path, in, []flowfile.Format{spy}, "", flowfile.Options{}); err == nil {
		_ = r.Close()
	}
	return seen
}

func refuse(string, *bufio.Reader, flowfile.Options) (flowfile.Reader, error) {
	return nil, errors.New("seen")
}

// Bench measures reading data, in flows a second.
func Bench(b *testing.B, data []byte, f flowfile.Format) {
	b.Helper()
	b.ReportAllocs()
	b.SetBytes(int64(len(data)))
	out := flow.NewBatch(8192)
	n := 0
	for b.Loop() {
		r, err := flowfile.OpenStream("input", bytes.NewReader(data), []flowfile.Format{f}, f.Name, flowfile.Options{})
		if err != nil {
			b.Fatal(err)
		}
		for {
			out.Reset()
			k, err := r.Read(out)
			n += k
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				b.Fatal(err)
			}
		}
		if err := r.Close(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "flows/s")
	b.ReportMetric(0, "ns/op")
}

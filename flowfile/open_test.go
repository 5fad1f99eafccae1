// SPDX-License-Identifier: Apache-2.0

package flowfile_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"tidewatch/flowfile"
	"tidewatch/flowfile/flowfiletest"
)

func gz(tb testing.TB, data []byte) []byte {
	tb.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	if _, err := w.Write(data); err != nil {
		tb.Fatal(err)
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return out.Bytes()
}

func zst(tb testing.TB, data []byte) []byte {
	tb.Helper()
	w, err := zstd.NewWriter(nil)
	if err != nil {
		tb.Fatal(err)
	}
	return w.EncodeAll(data, nil)
}

// toys are rows without much redundancy, so that a compressed file has many bytes.
func toys(n int) []byte {
	out := []byte("toy\n")
	for i, x := 0, uint32(1); i < n; i++ {
		x = x*1664525 + 1013904223
		a := []byte{byte(x >> 24), byte(x >> 16)}
		out = append(out, flowfiletest.Row(i, "10.0."+strings.Repeat("1", int(a[0]&1)+1)+".1", "192.0.2."+string('0'+a[1]%10))...)
	}
	return out
}

func TestOpenUndoesCompressionAndIgnoresExtensions(t *testing.T) {
	data := toys(1000)
	dir := t.TempDir()
	for name, content := range map[string][]byte{
		"plain.txt":        data,
		"plain.gz":         data, // the extension lies
		"packed.log":       gz(t, data),
		"packed.pcap":      zst(t, data),
		"twice.gz":         gz(t, gz(t, data)),
		"both":             gz(t, zst(t, data)),
		"two members.gz":   append(gz(t, data[:500]), gz(t, data[500:])...),
		"with a space.zst": zst(t, data),
	} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		b, s, err := flowfiletest.Open(t, path, flowfiletest.Format("toy"), flowfile.Options{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if b.Len() != 1000 || s.Skipped != 0 || len(s.Notes) != 0 {
			t.Errorf("%s: %d records, %+v", name, b.Len(), s)
		}
	}
}

func TestOpenRefusesInOneLine(t *testing.T) {
	dir := t.TempDir()
	file := func(name string, content []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	three := gz(t, gz(t, gz(t, toys(1))))
	for name, tc := range map[string]struct{ path, force, want string }{
		"missing":      {filepath.Join(dir, "missing"), "", "no such file"},
		"folder":       {dir, "", "it is a folder"},
		"empty":        {file("empty", nil), "", "the file is empty"},
		"empty gzip":   {file("empty.gz", gz(t, nil)), "", "empty once unpacked"},
		"bad gzip":     {file("bad.gz", []byte("\x1f\x8bxx")), "", "gzip"},
		"bad zstd":     {file("bad.zst", []byte("\x28\xb5\x2f\xfd\xff\xff\xff")), "", "zstd"},
		"cut at start": {file("cut.gz", gz(t, toys(5))[:12]), "", "ends early after 0 unpacked bytes"},
		"nested":       {file("nested.gz", three), "", "compressed more than"},
		"zip":          {file("a.zip", []byte("PK\x03\x04rest")), "", "zip archive"},
		"xz":           {file("a.xz", []byte("\xfd7zXZ\x00rest")), "", "unxz"},
		"bzip2":        {file("a.bz2", []byte("BZh91AY&SY12345")), "", "bunzip2"},
		"tar":          {file("a.tar", append(make([]byte, 257), "ustar\x00"...)), "", "tar archive"},
		"unknown":      {file("u", []byte("hello")), "", "none of the known formats (toy)"},
		"forced":       {file("f", []byte("hello")), "foo", `"foo" is not known; known are toy`},
	} {
		r, err := flowfile.Open(tc.path, []flowfile.Format{flowfiletest.Format("toy")}, tc.force, flowfile.Options{})
		if err == nil {
			t.Errorf("%s: opened", name)
			_ = r.Close()
			continue
		}
		if !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %q, want %q in it", name, err, tc.want)
		}
		if tc.force == "" && !strings.Contains(err.Error(), tc.path) {
			t.Errorf("%s: %q does not name the file", name, err)
		}
	}
}

func TestForceOverridesContent(t *testing.T) {
	formats := []flowfile.Format{flowfiletest.Format("toy"), flowfiletest.Format("other")}
	r, err := flowfile.OpenStream("input", bytes.NewReader(toys(3)), formats, "other", flowfile.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
}

// A compressed stream cut anywhere yields its beginning and says where it ended.
func TestCutCompressionYieldsItsBeginning(t *testing.T) {
	data := toys(20000)
	for name, packed := range map[string][]byte{"gzip": gz(t, data), "zstd": zst(t, data)} {
		last := -1
		for cut := 20; cut < len(packed); cut += len(packed)/40 + 1 {
			b, s, err := flowfiletest.Bytes(t, packed[:cut], flowfiletest.Format("toy"), flowfile.Options{})
			if err != nil {
				continue // too little for a first byte
			}
			if s.Reasons[flowfile.ReasonCutCompression] != 1 || !strings.Contains(s.Notes[0], "the "+name+" stream ends early after") {
				t.Fatalf("%s cut at %d: %+v", name, cut, s)
			}
			if b.Len() < last {
				t.Errorf("%s cut at %d: %d records, fewer than %d of a shorter cut", name, cut, b.Len(), last)
			}
			last = b.Len()
		}
		if last < 1000 {
			t.Errorf("%s: the longest cut gave %d records", name, last)
		}
	}
}

func TestDamagedCompressionIsNoted(t *testing.T) {
	packed := gz(t, toys(20000))
	copy(packed[len(packed)/2:], "garbage in the middle")
	b, s, err := flowfiletest.Bytes(t, packed, flowfiletest.Format("toy"), flowfile.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if b.Len() == 0 || s.Reasons[flowfile.ReasonCutCompression] != 1 {
		t.Errorf("%d records, %+v", b.Len(), s)
	}
}

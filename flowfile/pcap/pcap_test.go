// SPDX-License-Identifier: Apache-2.0

package pcap

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"tidewatch/decode"
	"tidewatch/flow"
	"tidewatch/flowfile"
	"tidewatch/test/shareddata"
)

// readAll reads a whole capture into one batch.
func readAll(tb testing.TB, name string, data io.Reader) (*flow.Batch, flowfile.Stats, error) {
	tb.Helper()
	r, err := open(name, bufio.NewReader(data), flowfile.Options{DecodeConfig: decode.DefaultConfig()})
	if err != nil {
		return nil, flowfile.Stats{}, err
	}
	b := flow.NewBatch(4096)
	for range 1 << 20 {
		_, err := r.Read(b)
		if errors.Is(err, io.EOF) {
			return b, r.Stats(), r.Close()
		}
		if err != nil {
			return b, r.Stats(), err
		}
	}
	tb.Fatal("a capture without end")
	return nil, flowfile.Stats{}, nil
}

func readFile(tb testing.TB, path string) (*flow.Batch, flowfile.Stats, error) {
	tb.Helper()
	f, err := os.Open(path)
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	return readAll(tb, filepath.Base(path), f)
}

// Captures of flow exports give the records, packets and bytes that the index
// of the captures names.
func TestExports(t *testing.T) {
	dir := shareddata.Dir(t)
	for name, want := range map[string][3]uint64{
		"wire/overflowd/netflow_v5_first1354.pcap":       {39_347, 1_784_142, 1_295_567_624},
		"wire/overflowd/sflow_first500.pcap":             {2_930, 2_930, 0},
		"wire/derived-softflowd/iot23-42-1.v5.pcap":      {5_770, 22_748, 2_093_699},
		"wire/derived-softflowd/iot23-42-1.v9.pcap":      {5_770, 22_748, 2_093_699},
		"wire/derived-softflowd/iot23-42-1.v10.pcap":     {5_770, 22_748, 2_093_699},
		"wire/derived-softflowd/dnsamp-netlyzer.v5.pcap": {6_880, 7_057, 788_305},
		"wire/derived-pmacct-sflow/dnsamp.sflow.pcap":    {699, 699, 0},
	} {
		_, s, err := readFile(t, filepath.Join(dir, name))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if s.Format != ExportFormat || s.Records != want[0] || s.Packets != want[1] || want[2] != 0 && s.Bytes != want[2] {
			t.Errorf("%s: %+v, want %v", name, s, want)
		}
	}
}

// Every capture is read or refused in one line, its flows hold every packet,
// and records come in the order in which they were exported.
func TestEveryCapture(t *testing.T) {
	for _, path := range captures(t, shareddata.Dir(t)) {
		b, s, err := readFile(t, path)
		if err != nil {
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("%s: more than a line: %v", path, err)
			}
			continue
		}
		if s.Format == ExportFormat {
			continue
		}
		var packets, size uint64
		var last int64
		for i := range b.Start {
			packets += b.Packets[i]
			size += b.Bytes[i]
			if b.Received[i] < last || b.Start[i] > b.End[i] || b.End[i] > b.Received[i] {
				t.Errorf("%s: record %d is out of order: %+v", path, i, b.Record(i))
				break
			}
			last = b.Received[i]
		}
		if packets+s.Reasons["malformed"] != s.Packets || size != s.Bytes {
			t.Errorf("%s: flows hold %d packets and %d bytes of %d and %d", path, packets, size, s.Packets, s.Bytes)
		}
	}
}

func captures(tb testing.TB, dir string) (out []string) {
	tb.Helper()
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if ext := filepath.Ext(path); err == nil && !d.IsDir() && (ext == ".pcap" || ext == ".pcapng" || ext == ".trace" || ext == ".cap") {
			out = append(out, path)
		}
		return err
	})
	if err != nil {
		tb.Fatal(err)
	}
	return out
}

// The number of IP packets is that of tshark: frames whose outermost network
// layer is IPv4 or IPv6. Packets inside ICMP errors and tunnels do not count.
func TestPacketsAgreeWithTshark(t *testing.T) {
	if _, err := exec.LookPath("tshark"); err != nil {
		t.Fatal("tshark is needed: `make test` installs it (Debian package tshark)")
	}
	dir := shareddata.Dir(t)
	for _, name := range []string{
		"ddos/stopddos/pkt.TCP.DOMINATE.syn.ecn.cwr.pcapng",
		"ddos/suricata-verify/ipv6-evasion/ipv6-dos-with-ext-headers-5/denial6-5.pcap",
		"zeek/iot23-devarship/CTU-Honeypot-Capture-4-1/2018-09-14-13-40-25-Philips-Hue-Bridge.pcap",
		"scan/bro-simple-scan/backscatter.trace",
		"tunnel/ndpi/icmp-tunnel.pcap",
		"c2/slips/test-cc/test-cc-capture-1.pcap",
	} {
		path := filepath.Join(dir, name)
		_, s, err := readFile(t, path)
		if err != nil {
			t.Fatal(err)
		}
		if want := tshark(t, path); s.Packets != want {
			t.Errorf("%s: %d IP packets, tshark counts %d", name, s.Packets, want)
		}
	}
}

// tshark counts the frames in which ip or ipv6 is a layer.
func tshark(tb testing.TB, path string) uint64 {
	tb.Helper()
	out, err := exec.CommandContext(tb.Context(), "tshark", "-n", "-r", path, "-Y", "ip or ipv6", "-T", "fields", "-e", "frame.number").Output()
	if err != nil {
		tb.Logf("tshark on %s: %v", path, err) // it reads what it can of a cut file and then fails
	}
	return uint64(bytes.Count(out, []byte("\n")))
}

// With TIDEWATCH_ALL_CAPTURES set every raw capture is compared; it takes minutes.
func TestAllPacketsAgreeWithTshark(t *testing.T) {
	if on, _ := strconv.ParseBool(os.Getenv("TIDEWATCH_ALL_CAPTURES")); !on {
		t.Skip("skipped: the comparison of every capture takes minutes; TIDEWATCH_ALL_CAPTURES=1 runs it")
	}
	compared := 0
	for _, path := range captures(t, shareddata.Dir(t)) {
		_, s, err := readFile(t, path)
		if want := tshark(t, path); err != nil && want > 0 || s.Format == RawFormat && s.Packets != want {
			t.Errorf("%s: %d, tshark %d %v %v %v", path, s.Packets, want, s.Reasons, s.Notes, err)
		}
		if s.Format == RawFormat {
			compared++
		}
	}
	t.Logf("%d raw captures compared", compared)
	if compared == 0 {
		t.Error("nothing was compared")
	}
}

// A capture cut at any byte gives what stands before the cut, and says so.
func TestCutAnywhere(t *testing.T) {
	dir := shareddata.Dir(t)
	for _, name := range []string{"tunnel/ndpi/ubntac2.pcap", "scan/ndpi/tcp_scan.pcapng"} {
		whole, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		_, all, err := readAll(t, name, bytes.NewReader(whole))
		if err != nil {
			t.Fatal(err)
		}
		for n := range min(len(whole), 3000) {
			_, s, err := readAll(t, name, bytes.NewReader(whole[:n]))
			if err == nil && (s.Packets > all.Packets || s.Packets < all.Packets && len(s.Notes) == 0 && !atBoundary(whole, n)) {
				t.Fatalf("%s cut at %d: %d packets, notes %v", name, n, s.Packets, s.Notes)
			}
		}
	}
}

// atBoundary reports whether a cut falls between two packets, where it cannot be seen.
func atBoundary(whole []byte, n int) bool {
	c, err := newCapture(bufio.NewReader(bytes.NewReader(whole)))
	if err != nil {
		return false
	}
	var f frame
	for c.at < int64(n) {
		if c.next(&f) != nil {
			return false
		}
	}
	return c.at == int64(n) || c.ng // blocks without packets lie between packets
}

func FuzzPcap(f *testing.F) {
	f.Add([]byte{0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 1, 0, 0, 0})
	f.Add([]byte{0x0a, 0x0d, 0x0d, 0x0a, 28, 0, 0, 0, 0x4d, 0x3c, 0x2b, 0x1a, 1, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255, 28, 0, 0, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		if _, s, err := readAll(t, "fuzz", bytes.NewReader(data)); err == nil && s.Records > uint64(len(data)) {
			t.Errorf("%d records from %d bytes", s.Records, len(data))
		}
	})
}

// SPDX-License-Identifier: Apache-2.0

package encode

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"tidewatch/flow"
)

// tool finds a program of Debian. It is part of the check, so that its absence
// is a failure and not a skip.
func tool(tb testing.TB, name, debianPackage string) string {
	tb.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		tb.Fatalf("%s is not installed: apt-get install %s", name, debianPackage)
	}
	return path
}

// nfcapd runs Debian's collector on a free loopback port while fill sends to
// it, and returns what nfdump reads from the files it wrote.
func nfcapd(t *testing.T, sequenceErrors int, fill func(net.Conn)) []string {
	t.Helper()
	bin, reader := tool(t, "nfcapd", "nfdump"), tool(t, "nfdump", "nfdump")
	dir := t.TempDir()
	port := freePort(t)
	var log bytes.Buffer
	cmd := exec.CommandContext(t.Context(), bin, "-p", strconv.Itoa(port), "-b", "127.0.0.1", "-l", dir, "-t", "3600", "-B", "4000000")
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stopped := false
	stop := func() {
		if !stopped {
			stopped = true
			_ = cmd.Process.Signal(syscall.SIGTERM)
			_ = cmd.Wait()
		}
	}
	defer stop()
	waitBound(t, port, &log)
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "udp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fill(conn)
	waitDrained(t, port)
	stop()
	if want := fmt.Sprintf("Sequence Errors: %d,", sequenceErrors); !strings.Contains(log.String(), want) {
		t.Errorf("nfcapd does not say %q:\n%s", want, log.String())
	}
	files, err := filepath.Glob(filepath.Join(dir, "nfcapd.2*"))
	if err != nil || len(files) != 1 {
		t.Fatalf("nfcapd left %v (%v):\n%s", files, err, log.String())
	}
	out, err := exec.CommandContext(t.Context(), reader, "-r", files[0], "-o", "json").Output()
	if err != nil {
		t.Fatalf("nfdump: %v", err)
	}
	return nfdumpRows(t, out)
}

func freePort(t *testing.T) int {
	t.Helper()
	var lc net.ListenConfig
	c, err := lc.ListenPacket(t.Context(), "udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return int(netip.MustParseAddrPort(c.LocalAddr().String()).Port())
}

// socketLine is the kernel's line about the UDP socket bound to port.
func socketLine(t *testing.T, port int) (queue string, bound bool) {
	t.Helper()
	table, err := os.ReadFile("/proc/net/udp")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(table)) {
		f := strings.Fields(line)
		if len(f) > 4 && strings.HasSuffix(f[1], fmt.Sprintf(":%04X", port)) && strings.HasSuffix(f[2], ":0000") {
			return f[4], true
		}
	}
	return "", false
}

func waitBound(t *testing.T, port int, log *bytes.Buffer) {
	t.Helper()
	poll(t, "nfcapd binds its port", func() bool { _, ok := socketLine(t, port); return ok }, log)
}

// waitDrained returns once nfcapd has read everything; what it has read it
// writes out when it is told to stop.
func waitDrained(t *testing.T, port int) {
	t.Helper()
	poll(t, "nfcapd reads its socket empty", func() bool {
		queue, ok := socketLine(t, port)
		return ok && strings.HasSuffix(queue, ":00000000")
	}, nil)
}

func poll(t *testing.T, what string, done func() bool, log *bytes.Buffer) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-ctx.Done():
			t.Fatalf("waited 30 s until %s; log: %v", what, log)
		case <-tick.C:
		}
	}
}

// nfdumpRow is one record in nfdump's JSON.
type nfdumpRow struct {
	First   string      `json:"first"`
	Last    string      `json:"last"`
	Packets uint64      `json:"in_packets"`
	Bytes   uint64      `json:"in_bytes"`
	Proto   json.Number `json:"proto"`
	Flags   string      `json:"tcp_flags"`
	SrcPort uint16      `json:"src_port"`
	DstPort uint16      `json:"dst_port"`
	ICMP    uint8       `json:"icmp_type"`
	Src4    string      `json:"src4_addr"`
	Dst4    string      `json:"dst4_addr"`
	Src6    string      `json:"src6_addr"`
	Dst6    string      `json:"dst6_addr"`
	InIf    uint32      `json:"input_snmp"`
	OutIf   uint32      `json:"output_snmp"`
	SrcAS   uint32      `json:"src_as"`
	DstAS   uint32      `json:"dst_as"`
}

func nfdumpRows(t *testing.T, out []byte) []string {
	t.Helper()
	var rows []nfdumpRow
	if err := json.Unmarshal(out, &rows); err != nil {
		t.Fatalf("nfdump's JSON: %v", err)
	}
	lines := make([]string, len(rows))
	for i, r := range rows {
		r.Src4, r.Dst4 = r.Src4+r.Src6, r.Dst4+r.Dst6
		dport := r.DstPort
		if r.ICMP != 0 {
			dport = uint16(r.ICMP) << 8
		}
		lines[i] = fmt.Sprintln(r.First, r.Last, netip.MustParseAddr(r.Src4), r.SrcPort,
			netip.MustParseAddr(r.Dst4), dport, r.Proto, strings.TrimLeft(r.Flags, "."), r.Packets, r.Bytes, r.InIf, r.OutIf, r.SrcAS, r.DstAS)
	}
	slices.Sort(lines)
	return lines
}

// wantRows is what nfdump should say about b.
func wantRows(b *flow.Batch) []string {
	lines := make([]string, b.Len())
	for i := range lines {
		r := b.Record(i)
		const layout = "2006-01-02T15:04:05.000"
		flags := strings.TrimLeft(flow.TCPFlagNames(r.TCPFlags), ".")
		lines[i] = fmt.Sprintln(time.Unix(0, r.Start).Format(layout), time.Unix(0, r.End).Format(layout), r.Src, r.SrcPort,
			r.Dst, r.DstPort, r.Proto, flags, r.Packets, r.Bytes, r.InIf, r.OutIf, r.SrcAS, r.DstAS)
	}
	slices.Sort(lines)
	return lines
}

func diff(t *testing.T, got, want []string) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%d records seen, %d sent", len(got), len(want))
	}
	shown := 0
	for i := range min(len(got), len(want)) {
		if got[i] != want[i] {
			t.Errorf("seen %ssent %s", got[i], want[i])
			if shown++; shown == 3 {
				return
			}
		}
	}
}

// nfcapdErrors is the number of sequence errors that nfcapd must count. For
// IPFIX it is one each time the options record is sent: RFC 7011 counts that
// record in the sequence, nfcapd 1.7.1 does not.
func nfcapdErrors(p Protocol) int {
	if p == IPFIX {
		return 1
	}
	return 0
}

// TestNfcapdSeesTheSameFlows sends over loopback to Debian's collector.
func TestNfcapdSeesTheSameFlows(t *testing.T) {
	for p, fam := range map[Protocol]family{V5: only4, V9: mixed, IPFIX: mixed} {
		t.Run(string(p), func(t *testing.T) {
			b := sampleBatch(1000, fam, 100_000)
			got := nfcapd(t, nfcapdErrors(p), func(c net.Conn) { sendAll(t, c, Config{Protocol: p, Domain: 7, TemplateEvery: 1000}, b) })
			diff(t, got, wantRows(b))
		})
	}
}

// TestNfcapdScalesBySampling: nfcapd multiplies by the rate it was told, so its
// sums are ours again.
func TestNfcapdScalesBySampling(t *testing.T) {
	for _, p := range []Protocol{V5, V9, IPFIX} {
		t.Run(string(p), func(t *testing.T) {
			const n = 100
			b := sampleBatch(2000, only4, 1000)
			var packets, octets float64
			for i := range b.Len() {
				packets, octets = packets+float64(b.Packets[i]), octets+float64(b.Bytes[i])
			}
			rows := nfcapd(t, nfcapdErrors(p), func(c net.Conn) { sendAll(t, c, Config{Protocol: p, Domain: 7, TemplateEvery: 1000, Sampling: n}, b) })
			var gotPackets, gotBytes float64
			for _, row := range rows {
				f := strings.Fields(row)
				p, _ := strconv.ParseFloat(f[len(f)-6], 64)
				o, _ := strconv.ParseFloat(f[len(f)-5], 64)
				gotPackets, gotBytes = gotPackets+p, gotBytes+o
			}
			if r := gotPackets / packets; r < 0.999 || r > 1.001 {
				t.Errorf("%.0f packets seen, %.0f sent", gotPackets, packets)
			}
			if r := gotBytes / octets; r < 0.97 || r > 1.03 {
				t.Errorf("%.0f bytes seen, %.0f sent", gotBytes, octets)
			}
		})
	}
}

// sendAll sends b in two calls, so that sequences go on across calls.
func sendAll(t *testing.T, c net.Conn, cfg Config, b *flow.Batch) {
	t.Helper()
	e, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	send := func(d []byte) error { _, err := c.Write(d); return err }
	half := b.Len() / 3
	if err := e.Encode(b, 0, half, exportTime, send); err != nil {
		t.Fatal(err)
	}
	if err := e.Encode(b, half, b.Len(), exportTime.Add(700*time.Millisecond), send); err != nil {
		t.Fatal(err)
	}
}

// SPDX-License-Identifier: Apache-2.0

package nfdump_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"tidewatch/flow"
	"tidewatch/test/shareddata"
)

// capture starts Debian's nfcapd with args, sends it the datagrams over
// loopback, stops it and returns the file it wrote.
func capture(t *testing.T, datagrams [][]byte, args ...string) string {
	t.Helper()
	dir := t.TempDir()
	port := freePort(t)
	args = append([]string{"-w", dir, "-b", "127.0.0.1", "-p", fmt.Sprint(port), "-t", "3600", "-B", "4000000"}, args...)
	cmd := exec.Command(tool(t, "nfcapd"), args...)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stopped := false
	defer func() {
		if !stopped {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
	}()
	await(t, "nfcapd listens", func() bool { return queued(port) >= 0 })
	conn, err := net.Dial("udp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		t.Fatal(err)
	}
	for i, d := range datagrams {
		if _, err := conn.Write(d); err != nil {
			t.Fatal(err)
		}
		if i%16 == 15 { // so that no socket buffer overflows
			await(t, "nfcapd keeps up", func() bool { return queued(port) == 0 })
		}
	}
	await(t, "nfcapd has read all", func() bool { return queued(port) == 0 })
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	stopped = true
	if err := cmd.Wait(); err != nil {
		t.Fatalf("nfcapd: %v: %s", err, said.String())
	}
	files, err := filepath.Glob(filepath.Join(dir, "nfcapd.2*"))
	if err != nil || len(files) != 1 {
		t.Fatalf("nfcapd wrote %v: %s", files, said.String())
	}
	return files[0]
}

func freePort(t *testing.T) int {
	t.Helper()
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	return int(netip.MustParseAddrPort(c.LocalAddr().String()).Port())
}

// queued tells how many bytes wait in the receive queue of a UDP port, -1 when
// nobody listens there.
func queued(port int) int64 {
	table, err := os.ReadFile("/proc/net/udp")
	if err != nil {
		return -1
	}
	for line := range strings.Lines(string(table)) {
		f := strings.Fields(line)
		if len(f) < 5 || !strings.HasSuffix(f[1], fmt.Sprintf(":%04X", port)) {
			continue
		}
		var tx, rx int64
		if _, err := fmt.Sscanf(f[4], "%x:%x", &tx, &rx); err == nil {
			return rx
		}
	}
	return -1
}

func await(t *testing.T, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if done() {
			return
		}
	}
	t.Fatalf("waited 20 s until %s", what)
}

// payloads returns the UDP payloads of a classic little-endian pcap file of
// Ethernet frames with IPv4 headers of 20 bytes, which the exports here are.
func payloads(t *testing.T, path string) (out [][]byte) {
	t.Helper()
	data := read(t, path)
	for at := 24; at+16 <= len(data); {
		n := int(le.Uint32(data[at+8:]))
		frame := data[at+16 : at+16+n]
		at += 16 + n
		if len(frame) > 42 && frame[12] == 8 && frame[14] == 0x45 && frame[23] == flow.ProtoUDP {
			end := 34 + int(binary.BigEndian.Uint16(frame[38:]))
			out = append(out, frame[42:min(end, len(frame))])
		}
	}
	if len(out) == 0 {
		t.Fatalf("no UDP payloads in %s", path)
	}
	return out
}

func TestFilesOfNfcapd(t *testing.T) {
	tool(t, "nfcapd")
	dir := filepath.Join(shareddata.Dir(t), "wire")
	for name, tc := range map[string]struct {
		pcap    string
		records uint64
		packets uint64
		bytes   uint64
		args    []string
	}{
		"v5, uncompressed": {"derived-softflowd/iot23-42-1.v5.pcap", 5770, 22748, 2093699, nil},
		"v9, LZ4":          {"derived-softflowd/iot23-42-1.v9.pcap", 5770, 22748, 2093699, []string{"-y"}},
		"IPFIX, bzip2":     {"derived-softflowd/iot23-42-1.v10.pcap", 5770, 22748, 2093699, []string{"-j"}},
		"v5 of 2007, LZO":  {"overflowd/netflow_v5_first1354.pcap", 39347, 1784142, 1295567624, []string{"-z"}},
	} {
		s, b := agree(t, capture(t, payloads(t, filepath.Join(dir, tc.pcap)), tc.args...))
		if s.Records != tc.records || s.Packets != tc.packets || s.Bytes != tc.bytes || s.Exporters != 1 {
			t.Errorf("%s: %+v, want %d records, %d packets, %d bytes", name, s, tc.records, tc.packets, tc.bytes)
		}
		if b.Mark[0]&flow.NoRate == 0 {
			t.Errorf("%s: a rate is known from nowhere", name)
		}
	}
}

// TestSampledFileOfNfcapd has nfcapd multiply by a configured rate. What was
// seen comes back, with the rate beside it.
func TestSampledFileOfNfcapd(t *testing.T) {
	tool(t, "nfcapd")
	path := filepath.Join(shareddata.Dir(t), "wire/derived-softflowd/iot23-42-1.v9.pcap")
	s, b := agree(t, capture(t, payloads(t, path), "-s", "10"))
	if s.Packets != 227480 || s.Bytes != 20936990 {
		t.Errorf("as written: %d packets, %d bytes", s.Packets, s.Bytes)
	}
	var packets uint64
	for i := range b.Len() {
		packets += b.Packets[i]
		if b.Sampling[i] != 10 || b.Mark[i]&flow.NoRate != 0 {
			t.Fatalf("record %d: sampling %d, marks %x", i, b.Sampling[i], b.Mark[i])
		}
	}
	if packets != 22748 {
		t.Errorf("seen: %d packets", packets)
	}
}

// TestRareFieldsThroughNfcapd sends a NetFlow v9 datagram with IPv6, ICMPv6,
// interfaces, AS numbers, direction and outgoing counters.
func TestRareFieldsThroughNfcapd(t *testing.T) {
	be := binary.BigEndian
	fields := []uint16{27, 16, 28, 16, 2, 8, 1, 8, 4, 1, 6, 1, 7, 2, 11, 2, 22, 4, 21, 4, 32, 2, 16, 4, 17, 4, 10, 4, 14, 4, 61, 1}
	template := be.AppendUint16(be.AppendUint16(nil, 256), uint16(len(fields)/2))
	for _, f := range fields {
		template = be.AppendUint16(template, f)
	}
	record := func(last, proto, flags byte, sp, dp, icmp uint16, dir byte) []byte {
		r := append([]byte{0x20, 1, 0xd, 0xb8, 15: 1}, []byte{0x20, 1, 0xd, 0xb8, 15: last}...)
		r = be.AppendUint64(be.AppendUint64(r, 5), 1<<33+500)
		r = be.AppendUint16(be.AppendUint16(append(r, proto, flags), sp), dp)
		r = be.AppendUint32(be.AppendUint32(r, 90_000), 95_500)
		r = be.AppendUint32(be.AppendUint32(be.AppendUint16(r, icmp), 64512), 4_200_000_000)
		return append(be.AppendUint32(be.AppendUint32(r, 70_000), 3), dir)
	}
	data := bytes.Join([][]byte{
		record(2, flow.ProtoTCP, 0x1b, 1000, 443, 0, 0), record(3, flow.ProtoICMPv6, 0, 0, 0, 128<<8, 1), record(4, flow.ProtoUDP, 0, 53, 99, 0, 1),
	}, nil)
	for len(data)%4 != 0 {
		data = append(data, 0)
	}
	set := func(id uint16, body []byte) []byte {
		return append(be.AppendUint16(be.AppendUint16(nil, id), uint16(4+len(body))), body...)
	}
	head := be.AppendUint16(be.AppendUint16(nil, 9), 4)
	head = be.AppendUint32(be.AppendUint32(head, 100_000), 1_700_000_000)
	head = be.AppendUint32(be.AppendUint32(head, 1), 77)
	_, b := agree(t, capture(t, [][]byte{append(append(head, set(0, template)...), set(256, data)...)}))
	if b.Len() != 3 {
		t.Fatalf("%d records", b.Len())
	}
	for i := range b.Len() {
		r := b.Record(i)
		if r.Src.Is4() || r.SrcAS != 64512 || r.DstAS != 4_200_000_000 || r.InIf != 70_000 || r.OutIf != 3 || r.Bytes != 1<<33+500 {
			t.Errorf("%+v", r)
		}
		if r.Proto == flow.ProtoICMPv6 && r.DstPort != 128<<8 {
			t.Errorf("ICMPv6 type and code are %#x", r.DstPort)
		}
	}
}

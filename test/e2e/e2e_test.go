// SPDX-License-Identifier: Apache-2.0

//go:build e2e

// Package e2e runs the whole program over loopback with real exporters, and
// holds what it finds on the wire against what it finds in a recording of the
// same datagrams.
package e2e

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"

	"tidewatch/app"
	"tidewatch/encode"
	"tidewatch/incident"
	"tidewatch/scenario"
	"tidewatch/test/shareddata"
)

// server is a running tidewatch.
type server struct {
	api, flows string
	stop       func()
}

func serve(t *testing.T, internal ...string) *server {
	t.Helper()
	cfg := app.DefaultConfig()
	cfg.DataDir, cfg.Timezone = t.TempDir(), "UTC"
	cfg.Collect.Listen, cfg.API.Listen = []string{"127.0.0.1:0"}, "127.0.0.1:0"
	for i, p := range internal {
		if i == 0 {
			cfg.Enrich.Internal = nil
		}
		cfg.Enrich.Internal = append(cfg.Enrich.Internal, netip.MustParsePrefix(p))
	}
	ctx, cancel := context.WithCancel(context.Background())
	ready, done := make(chan *app.Server, 1), make(chan error, 1)
	go func() {
		done <- app.Serve(ctx, &cfg, &app.ServeOptions{Log: io.Discard, Version: "test", Ready: func(s *app.Server) { ready <- s }})
	}()
	select {
	case s := <-ready:
		stopped := sync.OnceFunc(func() {
			cancel()
			if err := <-done; err != nil {
				t.Error(err)
			}
		})
		t.Cleanup(stopped)
		return &server{api: "http://" + s.Addr(), flows: s.Collector().Addrs()[0].String(), stop: stopped}
	case err := <-done:
		t.Fatal(err)
	}
	return nil
}

func (s *server) get(t *testing.T, path string, into any) {
	t.Helper()
	res, err := http.Get(s.api + path)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s", path, res.Status)
	}
	if err := json.NewDecoder(res.Body).Decode(into); err != nil {
		t.Fatal(err)
	}
}

// flood waits for a flood to be in the API.
func (s *server) flood(t *testing.T, subject string) incident.Incident {
	t.Helper()
	var body struct{ Incidents []incident.Incident }
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		s.get(t, "/api/v1/incidents?category=ddos_attack", &body)
		for i := range body.Incidents {
			if body.Incidents[i].Subject == subject {
				return body.Incidents[i]
			}
		}
	}
	t.Fatalf("no flood on %s in the API: %+v", subject, body.Incidents)
	return incident.Incident{}
}

// lost sums what exporters' sequence numbers and the kernel say is missing.
func (s *server) lost(t *testing.T) (lost, records uint64) {
	t.Helper()
	var body struct {
		Exporters []struct{ Lost, Records uint64 }
	}
	// The last datagrams may still lie in the kernel, or on the way there.
	for same := 0; same < 3; time.Sleep(100 * time.Millisecond) {
		before := records
		lost, records = 0, 0
		body.Exporters = nil
		s.get(t, "/api/v1/exporters", &body)
		for _, e := range body.Exporters {
			lost, records = lost+e.Lost, records+e.Records
		}
		if same++; records != before {
			same = 0
		}
	}
	return lost, records
}

// whole says what of so many records did not arrive, empty when none is missing. What
// the server lacks it must know of.
func (s *server) whole(t *testing.T, records uint64) string {
	t.Helper()
	lost, arrived := s.lost(t)
	switch {
	case lost == 0 && arrived == records:
		return ""
	case lost == 0:
		t.Errorf("%d records of %d arrived, and none is counted as lost", arrived, records)
	}
	return fmt.Sprintf("%d lost, %d records of %d", lost, arrived, records)
}

// relay is a collector's port that records every datagram.
type relay struct {
	conn  *net.UDPConn
	mu    sync.Mutex
	taken []datagram
}

type datagram struct {
	at   time.Time
	data []byte
}

// newRelay hands each datagram to pass, in the order of their arrival.
func newRelay(t *testing.T, pass func(*relay, datagram)) *relay {
	t.Helper()
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.SetReadBuffer(16 << 20)
	r := &relay{conn: conn}
	t.Cleanup(func() { _ = conn.Close() })
	arrived := make(chan datagram, 1<<14)
	go func() {
		defer close(arrived)
		buf := make([]byte, 1<<16)
		for {
			n, err := conn.Read(buf)
			if err != nil {
				return
			}
			arrived <- datagram{time.Now(), append([]byte(nil), buf[:n]...)}
		}
	}()
	go func() {
		for d := range arrived {
			pass(r, d)
		}
	}()
	return r
}

func (r *relay) take(d datagram) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.taken = append(r.taken, d)
}

func (r *relay) all() []datagram {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]datagram(nil), r.taken...)
}

// file writes the datagrams as a capture, as tcpdump beside the collector would.
func file(t *testing.T, all []datagram) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "export.pcap")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w := pcapgo.NewWriter(f)
	if err := w.WriteFileHeader(1<<16, layers.LinkTypeRaw); err != nil {
		t.Fatal(err)
	}
	for _, d := range all {
		ip := &layers.IPv4{Version: 4, TTL: 64, Protocol: layers.IPProtocolUDP, SrcIP: net.IPv4(127, 0, 0, 1), DstIP: net.IPv4(127, 0, 0, 1)}
		udp := &layers.UDP{SrcPort: 40000, DstPort: 2055}
		_ = udp.SetNetworkLayerForChecksum(ip)
		b := gopacket.NewSerializeBuffer()
		if err := gopacket.SerializeLayers(b, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, ip, udp, gopacket.Payload(d.data)); err != nil {
			t.Fatal(err)
		}
		ci := gopacket.CaptureInfo{Timestamp: d.at, CaptureLength: len(b.Bytes()), Length: len(b.Bytes())}
		if err := w.WritePacket(ci, b.Bytes()); err != nil {
			t.Fatal(err)
		}
	}
	return path
}

// analyze judges the recording and returns its one flood.
func analyze(t *testing.T, path, subject string, internal ...string) (incident.Incident, *app.Result) {
	t.Helper()
	cfg := app.DefaultConfig()
	cfg.Timezone = "UTC"
	cfg.Enrich.Internal = nil
	for _, p := range internal {
		cfg.Enrich.Internal = append(cfg.Enrich.Internal, netip.MustParsePrefix(p))
	}
	res, err := app.Analyze(t.Context(), &cfg, &app.AnalyzeOptions{Files: []string{path}, KeepInternal: true})
	if err != nil {
		t.Fatal(err)
	}
	for i := range res.Incidents {
		if res.Incidents[i].Subject == subject && res.Incidents[i].Category == "ddos_attack" {
			return res.Incidents[i], res
		}
	}
	t.Fatalf("no flood on %s in the recording: %d incidents, input %+v", subject, len(res.Incidents), res.Input)
	return incident.Incident{}, nil
}

// same holds the incident from the wire against that from the recording.
// Starts are compared from the first flow of each on.
func same(t *testing.T, wire, rec *incident.Incident, shift time.Duration) {
	t.Helper()
	if wire.Category != rec.Category || wire.Kind != rec.Kind || wire.Vector != rec.Vector || wire.Subject != rec.Subject {
		t.Errorf("wire: %s %s %s; recording: %s %s %s", wire.Kind, wire.Vector, wire.Subject, rec.Kind, rec.Vector, rec.Subject)
	}
	if d := wire.Started.Sub(rec.Started) - shift; d > time.Second || d < -time.Second {
		t.Errorf("the start differs by %v", d)
	}
}

// peaks says by how much the peaks on the wire and in the recording differ, empty
// when by no more than 2 %.
func peaks(wire, rec *incident.Incident) string {
	for _, x := range []struct {
		name      string
		wire, rec float64
	}{
		{"packets/s", wire.Metrics.PeakPacketsPerSecond, rec.Metrics.PeakPacketsPerSecond},
		{"bits/s", wire.Metrics.PeakBitsPerSecond, rec.Metrics.PeakBitsPerSecond},
	} {
		if math.Abs(x.wire-x.rec) > 0.02*x.rec {
			return fmt.Sprintf("peak %s: wire %.0f, recording %.0f", x.name, x.wire, x.rec)
		}
	}
	return ""
}

// attempts is how often a replay may be repeated when only its peaks differ or datagrams
// are lost: it runs in real time, and a machine that is busy for a moment delays datagrams
// over the end of a second, or fills the kernel's buffer, which is small on some.
const attempts = 3

// again runs what tells how wire and recording differ until they do not.
func again(t *testing.T, once func() (differ string)) {
	t.Helper()
	for attempt := 1; ; attempt++ {
		differ := once()
		if differ == "" || t.Failed() {
			return
		}
		if attempt == attempts {
			t.Error(differ)
			return
		}
		t.Logf("%s; once more", differ)
	}
}

// Debian's softflowd exports a real SYN flood as NetFlow v5, v9 and IPFIX. It
// replays in a burst, which the relay slows down.
func TestSoftflowd(t *testing.T) {
	path, err := exec.LookPath("softflowd")
	if err != nil {
		t.Fatal("softflowd is needed: `make test` installs it (Debian package softflowd)")
	}
	const subject = "192.168.50.4"
	capture := longer(t, filepath.Join(shareddata.Dir(t), "ddos/lucid-cicddos2019/CIC-DDoS-2019-SynFlood.pcap"))
	for _, version := range []string{"5", "9", "10"} {
		t.Run("v"+version, func(t *testing.T) {
			r := newRelay(t, (*relay).take)
			cmd := exec.CommandContext(t.Context(), path, "-d", "-a", "-m", "200000", "-r", capture, "-v", version, "-n", r.conn.LocalAddr().String(),
				"-c", "none", "-p", filepath.Join(t.TempDir(), "pid"))
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("softflowd: %v: %s", err, out)
			}
			time.Sleep(300 * time.Millisecond)
			all := r.all()
			rec, res := analyze(t, file(t, all), subject, "192.168.50.0/24")
			if res.Input.Flows < 9000 {
				t.Errorf("softflowd exported %d flows", res.Input.Flows)
			}
			again(t, func() string { return onTheWire(t, all, subject, &rec, res.Input.Flows) })
		})
	}
}

// onTheWire replays datagrams to a server of its own and holds what it finds against
// the recording. It returns how the peaks differ, or what was lost on the way.
func onTheWire(t *testing.T, all []datagram, subject string, rec *incident.Incident, flows uint64) string {
	t.Helper()
	s := serve(t, "192.168.50.0/24")
	defer s.stop()
	// Begin where the exporter's second stands: what falls into one second
	// here then does so there, too.
	now := time.Now()
	fraction := exported(all[0].data).Sub(exported(all[0].data).Truncate(time.Second))
	time.Sleep((now.Truncate(time.Second).Add(fraction).Sub(now) + time.Second) % time.Second)
	replay(t, all, s.flows)
	if differ := s.whole(t, flows); differ != "" {
		return differ
	}
	time.Sleep(8 * time.Second) // an incident under way is written out every few seconds
	wire := s.flood(t, subject)
	same(t, &wire, rec, wire.LastSeen.Sub(rec.LastSeen))
	return peaks(&wire, rec)
}

// longer writes a capture again, its packets repeated end to end to twelve
// seconds: in 0.7 s of flood the fullest second depends on where seconds begin,
// and the wire's seconds begin elsewhere than the recording's.
func longer(t *testing.T, path string) string {
	t.Helper()
	in, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	r, err := pcapgo.NewNgReader(in, pcapgo.DefaultNgReaderOptions)
	if err != nil {
		t.Fatal(err)
	}
	type captured struct {
		ci   gopacket.CaptureInfo
		data []byte
	}
	var all []captured
	for {
		data, ci, err := r.ReadPacketData()
		if err != nil {
			break
		}
		all = append(all, captured{ci, data})
	}
	length := all[len(all)-1].ci.Timestamp.Sub(all[0].ci.Timestamp)
	name := filepath.Join(t.TempDir(), "longer.pcap")
	out, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	w := pcapgo.NewWriter(out)
	if err := w.WriteFileHeader(1<<16, r.LinkType()); err != nil {
		t.Fatal(err)
	}
	for shift := time.Duration(0); shift < 12*time.Second; shift += length {
		for _, p := range all {
			p.ci.Timestamp = p.ci.Timestamp.Add(shift)
			if err := w.WritePacket(p.ci, p.data); err != nil {
				t.Fatal(err)
			}
		}
	}
	return name
}

// exported is the export time in the header of a datagram.
func exported(p []byte) time.Time {
	switch binary.BigEndian.Uint16(p) {
	case 5:
		return time.Unix(int64(binary.BigEndian.Uint32(p[8:])), int64(binary.BigEndian.Uint32(p[12:])))
	case 9:
		return time.Unix(int64(binary.BigEndian.Uint32(p[8:])), 0)
	}
	return time.Unix(int64(binary.BigEndian.Uint32(p[4:])), 0)
}

// replay sends datagrams at the pace of their export times, as the router
// would have, a few milliseconds apart at least.
func replay(t *testing.T, all []datagram, to string) {
	t.Helper()
	conn, err := net.Dial("udp", to)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	begin, first := time.Now(), exported(all[0].data)
	for i, d := range all {
		time.Sleep(time.Until(begin.Add(exported(d.data).Sub(first))))
		if _, err := conn.Write(d.data); err != nil {
			t.Fatal(err)
		}
		if i%2 == 1 {
			time.Sleep(time.Millisecond)
		}
	}
}

// What simulate sends, in all four protocols, is found on the wire and in a
// recording as the same incident.
func TestSimulate(t *testing.T) {
	t.Parallel()
	for _, protocol := range encode.Protocols() {
		t.Run(string(protocol), func(t *testing.T) {
			t.Parallel()
			again(t, func() string { return simulated(t, protocol) })
		})
	}
}

// simulated sends a scenario to a server of its own, and what passed on the way to
// analyze. It returns how the peaks differ, or what was lost on the way.
func simulated(t *testing.T, protocol encode.Protocol) string {
	t.Helper()
	sc, err := scenario.New("syn-flood", scenario.Config{Seed: 3, Start: time.Now(), AttackAt: 3 * time.Second, Duration: 4 * time.Second, AttackFor: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	var internal []string
	for _, p := range sc.Internal() {
		internal = append(internal, p.String())
	}
	s := serve(t, internal...)
	tee := newTee(t, s.flows)
	cfg := encode.DefaultConfig()
	cfg.Protocol = protocol
	if protocol == encode.SFlow {
		cfg.Sampling = 20
	}
	out, err := app.Simulate(t.Context(), &app.SimulateOptions{
		Scenario: "syn-flood", Target: tee.addr, Speed: 1, Encode: cfg,
		Config: scenario.Config{Seed: 3, Start: time.Now(), AttackAt: 3 * time.Second, AttackFor: 8 * time.Second, Duration: 32 * time.Second},
	})
	if err != nil {
		t.Fatal(err)
	}
	subject := ""
	for _, w := range out.Truth {
		if w.Vector == "syn_flood" {
			subject = w.Subject.String()
		}
	}
	s.lost(t) // waits for the last datagrams
	rec, res := analyze(t, file(t, tee.stop()), subject, internal...)
	if differ := s.whole(t, res.Input.Flows); differ != "" {
		return differ
	}
	wire := s.flood(t, subject)
	s.stop()
	same(t, &wire, &rec, 0)
	for _, w := range out.Truth {
		if w.Vector == "syn_flood" {
			// simulate samples packets when their flow is exported, 15 s after
			// its last packet, and an sFlow sample counts when it arrives.
			late := 1500 * time.Millisecond
			if protocol == encode.SFlow {
				late += 15 * time.Second
			}
			if d := wire.Started.Sub(w.Start); d > late || d < -1500*time.Millisecond {
				t.Errorf("started %v after the truth", d)
			}
		}
	}
	return peaks(&wire, &rec)
}

// tee passes datagrams on to the collector and records them.
type tee struct {
	*relay
	addr string
}

// lag is how long a tee keeps a datagram. simulate sends on the beat of whole seconds,
// and what arrives within a millisecond of one counts here in this second, there in the
// next, where the time of arrival is all there is (sFlow).
const lag = 100 * time.Millisecond

func newTee(t *testing.T, to string) *tee {
	t.Helper()
	out, err := net.Dial("udp", to)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = out.Close() })
	r := newRelay(t, func(r *relay, d datagram) {
		time.Sleep(time.Until(d.at.Add(lag)))
		d.at = time.Now()
		_, _ = out.Write(d.data)
		r.take(d)
	})
	return &tee{r, r.conn.LocalAddr().String()}
}

func (t *tee) stop() []datagram { _ = t.conn.Close(); return t.all() }

// A second server on the same port or data directory says so in one line.
func TestPortTaken(t *testing.T) {
	s := serve(t)
	cfg := app.DefaultConfig()
	cfg.DataDir, cfg.API.Listen = t.TempDir(), "127.0.0.1:0"
	cfg.Collect.Listen = []string{s.flows}
	err := app.Serve(t.Context(), &cfg, &app.ServeOptions{Log: io.Discard})
	if err == nil || len(fmt.Sprint(err)) > 300 {
		t.Errorf("unhelpful: %v", err)
	}
}

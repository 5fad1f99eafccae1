// SPDX-License-Identifier: Apache-2.0

package app

import (
	"encoding/binary"
	"net"
	"testing"
	"time"

	"tidewatch/encode"
	"tidewatch/scenario"
)

// Simulate keeps the machine's clock, however long it took until it could begin: what
// is late is caught up with, so that no collector takes it for a clock that is behind.
func TestSimulateKeepsTime(t *testing.T) {
	t.Parallel()
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	cfg := encode.DefaultConfig()
	cfg.Protocol = encode.V5
	const behind = 20 * time.Second
	start := time.Now().Add(-behind)
	begin := time.Now()
	if _, err := Simulate(t.Context(), &SimulateOptions{
		Scenario: "load", Target: conn.LocalAddr().String(), Speed: 1, Encode: cfg,
		Config: scenario.Config{Seed: 3, Start: start, Duration: behind + 2*time.Second, LoadRate: 50, LoadHosts: 10},
	}); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(begin); took > behind/2 {
		t.Errorf("%v for the two seconds that were left", took)
	}
	var last int64
	buf := make([]byte, 1<<16)
	_ = conn.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
	for {
		n, err := conn.Read(buf)
		if err != nil {
			break
		}
		if n >= 12 {
			last = int64(binary.BigEndian.Uint32(buf[8:])) // NetFlow v5: seconds of the export
		}
	}
	if want := start.Add(behind).Unix(); last < want {
		t.Errorf("the last datagram is of %d, want %d or later", last, want)
	}
}

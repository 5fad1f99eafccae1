// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package main

import (
	"context"
	"io"
	"testing"
	"time"

	"tidewatch/app"
	"tidewatch/encode"
)

// An attack under ordinary traffic is in the API within seconds of its first
// datagram; nobody else is alarmed and nothing is lost. `make bench-delay` measures
// all protocols and strengths; the bounds here leave room for the race detector.
func TestDelay(t *testing.T) {
	cfg := app.DefaultConfig()
	cfg.DataDir, cfg.Timezone = t.TempDir(), "UTC"
	cfg.Collect.Listen, cfg.API.Listen = []string{"127.0.0.1:0"}, "127.0.0.1:0"
	ctx, cancel := context.WithCancel(t.Context())
	ready, done := make(chan *app.Server, 1), make(chan error, 1)
	go func() {
		done <- app.Serve(ctx, &cfg, &app.ServeOptions{Log: io.Discard, Version: "test", Ready: func(s *app.Server) { ready <- s }})
	}()
	var s *app.Server
	select {
	case s = <-ready:
	case err := <-done:
		t.Fatal(err)
	}
	defer func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}()
	l, err := newLoad()
	if err != nil {
		t.Fatal(err)
	}
	victims := map[string]bool{}
	for _, tc := range []struct {
		export encode.Config
		within [2]time.Duration // at 2 and at 10 times the limit
	}{
		{encode.Config{Protocol: encode.V9, Domain: 9}, [2]time.Duration{4 * time.Second, 3 * time.Second}},
		{encode.Config{Protocol: encode.SFlow, Domain: 9, Sampling: 400}, [2]time.Duration{8 * time.Second, 3 * time.Second}},
	} {
		d := delays{times: []float64{2, 10}, sources: 500, phases: 1, background: 5_000, patience: 20 * time.Second, settle: 3 * time.Second}
		o, err := d.measure(s.Collector().Addrs()[0].String(), "http://"+s.Addr(), l, &tc.export, victims)
		if err != nil {
			t.Fatal(err)
		}
		t.Log(o.cells(d.patience))
		for i, took := range o.took {
			if took[0] > tc.within[i] {
				t.Errorf("%s at %g times the limit: %v", tc.export.Protocol, d.times[i], took[0])
			}
		}
		if len(o.others) > 0 || o.lost != 0 {
			t.Errorf("%s: %v alarmed besides, %d records lost", tc.export.Protocol, o.others, o.lost)
		}
	}
}

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	apiRate    = 20_000 // flows a second, from load's 10 000 devices
	apiClients = 4      // dashboards that ask for all of it, each with a pause between answers
	apiPause   = 50 * time.Millisecond
)

// asked are the routes that a dashboard asks for.
func asked() []string {
	return []string{
		"/api/v1/summary", "/api/v1/traffic", "/api/v1/traffic?minutes=1440", "/api/v1/traffic?device=10.0.7.7", "/api/v1/movers", "/api/v1/exporters",
		"/api/v1/incidents?limit=50", "/api/v1/incidents?limit=50&text=nobody", "/api/v1/devices?limit=50", "/api/v1/devices?limit=50&sort=risk",
		"/api/v1/devices?limit=50&text=7.7", "/api/v1/devices/10.0.7.7", "/api/v1/events/occurrences", "/api/v1/mitigations?limit=50", "/api/v1/baselines",
	}
}

// latencies are how long each route took.
type latencies struct {
	mu     sync.Mutex
	all    map[string][]time.Duration
	failed map[string]int
}

func (l *latencies) add(route string, took time.Duration, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all[route] = append(l.all[route], took)
	if !ok {
		l.failed[route]++
	}
}

// apiBench asks the API for everything a dashboard asks for while flows come in, and
// prints how long answers take. One more client watches the stream.
func apiBench(out io.Writer, binary string, d time.Duration) error {
	l, err := newLoad()
	if err != nil {
		return err
	}
	t, err := tidewatch(binary)
	if err != nil {
		return err
	}
	defer t.stop()
	conn, err := net.Dial("udp", t.addr) //nolint:noctx // loopback, returns at once
	if err != nil {
		return err
	}
	defer conn.Close()
	key, err := os.ReadFile(filepath.Join(t.dir, "token"))
	if err != nil {
		return err
	}
	if _, err := l.send(conn, apiRate, warmUp); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	c := &apiClient{base: t.api, token: strings.TrimSpace(string(key)), got: &latencies{all: map[string][]time.Duration{}, failed: map[string]int{}}}
	var wg sync.WaitGroup
	for i := range apiClients {
		wg.Go(func() { c.ask(ctx, i) })
	}
	events := 0
	wg.Go(func() { events = c.watch(ctx) })
	flows, err := l.send(conn, apiRate, d)
	cancel()
	wg.Wait()
	if err != nil {
		return err
	}
	if err := c.got.print(out); err != nil {
		return err
	}
	p50, p99, worst := ticksOf(t.api)
	_, err = fmt.Fprintf(out, "%d flows in %s from %d devices, %d clients, %d events on the stream; time to judge a second: p50 <= %s, p99 <= %s, worst <= %s\n",
		flows, d, metric(t.api, "tidewatch_devices"), apiClients, events, p50, p99, worst)
	return err
}

type apiClient struct {
	base, token string
	got         *latencies
}

func (c *apiClient) request(ctx context.Context, route string) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+route, http.NoBody)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Authorization", "Bearer "+c.token)
	return http.DefaultClient.Do(r)
}

// ask asks for one route after the other until ctx ends.
func (c *apiClient) ask(ctx context.Context, from int) {
	routes := asked()
	for i := from; ctx.Err() == nil; i++ {
		route := routes[i%len(routes)]
		began := time.Now()
		res, err := c.request(ctx, route)
		if err == nil {
			_, err = io.Copy(io.Discard, res.Body)
			_ = res.Body.Close()
		}
		if ctx.Err() == nil {
			c.got.add(route, time.Since(began), err == nil && res.StatusCode == http.StatusOK)
			time.Sleep(apiPause)
		}
	}
}

// watch counts the events of the stream.
func (c *apiClient) watch(ctx context.Context) (n int) {
	res, err := c.request(ctx, "/api/v1/stream")
	if err != nil {
		return 0
	}
	defer res.Body.Close()
	for s := bufio.NewScanner(res.Body); s.Scan(); {
		if data, ok := strings.CutPrefix(s.Text(), "data: "); ok && json.Valid([]byte(data)) {
			n++
		}
	}
	return n
}

func (l *latencies) print(out io.Writer) error {
	_, _ = fmt.Fprintf(out, "%-42s %8s %10s %10s %10s %8s\n", "route", "answers", "p50", "p99", "worst", "failed")
	var all []time.Duration
	line := func(name string, took []time.Duration, failed int) error {
		slices.Sort(took)
		at := func(q float64) string {
			return took[min(int(q*float64(len(took))), len(took)-1)].Round(10 * time.Microsecond).String()
		}
		_, err := fmt.Fprintf(out, "%-42s %8d %10s %10s %10s %8d\n", name, len(took), at(0.5), at(0.99), at(1), failed)
		return err
	}
	failed := 0
	for _, route := range asked() {
		took := l.all[route]
		if len(took) == 0 {
			continue
		}
		if err := line(route, took, l.failed[route]); err != nil {
			return err
		}
		all, failed = append(all, took...), failed+l.failed[route]
	}
	if len(all) == 0 {
		return errors.New("nothing was answered")
	}
	return line("all", all, failed)
}

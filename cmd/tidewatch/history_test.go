// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"path/filepath"
	"testing"
	"time"
)

// keptFlows are the segments of a history and how many flows analyze finds in it.
func keptFlows(t *testing.T, dir string) (segments, flows int) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "history", "day=*", "hour=*", "[0-9]*.parquet")) // an unfinished one begins with a dot
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		return 0, 0
	}
	status, stdout, stderr := exec(t, "analyze", "-q", "--format", "json", "--internal", "10.0.0.0/8", filepath.Join(dir, "history"))
	var out struct {
		Input struct {
			Flows int `json:"flows"`
		} `json:"input"`
	}
	if err := json.Unmarshal([]byte(stdout), &out); status != 0 || err != nil {
		t.Fatalf("status %d: %s (%v)", status, stderr, err)
	}
	return len(files), out.Input.Flows
}

// A process that is killed loses no closed segment, and what gathered since the last
// alone; an orderly stop loses nothing. All of it is read again after every start.
func TestHistoryOfAKilledProcess(t *testing.T) {
	config, dir := site(t, "history: {segment: 1s, keep_free: 0}")
	before := 0
	for range 3 {
		p := serve(t, config)
		for range 5 {
			p.flood(t, 1)
		}
		limit := time.Now().Add(20 * time.Second)
		flows := 0
		for flows < before+5 {
			if time.Now().After(limit) {
				t.Fatalf("%d flows are kept after 20 s, want %d", flows, before+5)
			}
			time.Sleep(100 * time.Millisecond)
			_, flows = keptFlows(t, dir)
		}
		p.flood(t, 1) // perhaps lost
		if err := p.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		<-p.ended
		if _, left := keptFlows(t, dir); left < flows || left > flows+1 {
			t.Fatalf("%d flows are kept after the end, %d before it", left, flows)
		}
		_, before = keptFlows(t, dir)
	}
}

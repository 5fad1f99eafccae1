// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/csv"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// printedAnswer is what `query --format json` prints.
type printedAnswer struct {
	Total struct {
		Bytes   uint64 `json:"bytes"`
		Packets uint64 `json:"packets"`
		Flows   uint64 `json:"flows"`
	} `json:"total"`
	Partial bool        `json:"partial"`
	Reason  string      `json:"reason"`
	Times   []time.Time `json:"times"`
	Groups  []struct {
		Key    []string `json:"key"`
		Flows  uint64   `json:"flows"`
		Series []uint64 `json:"series"`
	} `json:"groups"`
}

func query(t *testing.T, config string, args ...string) string {
	t.Helper()
	status, stdout, stderr := exec(t, append([]string{"query", "-c", config}, args...)...)
	if status != 0 || stderr != "" {
		t.Fatalf("%v: status %d, says %q", args, status, stderr)
	}
	return stdout
}

func queried(t *testing.T, config string, args ...string) (a printedAnswer) {
	t.Helper()
	if err := json.Unmarshal([]byte(query(t, config, append(args, "--format", "json")...)), &a); err != nil {
		t.Fatal(err)
	}
	return a
}

// The recorded flows are asked through the server that records them, and from its
// directory when it is over, with one answer.
func TestQueryCommand(t *testing.T) {
	config, dir := site(t, "history: {segment: 1s, keep_free: 0}")
	nothing := step{"query", 2, "", "no flows were recorded in " + dir + "; tidewatch serve records them"}
	play(t, config, []step{nothing})
	p := serve(t, config)
	for range 3 {
		p.flood(t, 1)
	}
	for limit := time.Now().Add(20 * time.Second); queried(t, config).Total.Flows < 3; {
		if time.Now().After(limit) {
			t.Fatalf("three flows are not recorded: %+v", queried(t, config))
		}
		time.Sleep(100 * time.Millisecond)
	}
	for _, name := range []string{"a server", "a directory"} {
		if name == "a directory" {
			p.stop(t)
		}
		got := queried(t, config, "--group", "src,dst_port", "--points", "10")
		if len(got.Groups) != 1 || strings.Join(got.Groups[0].Key, " ") != "198.51.100.7 9" || got.Total.Bytes != 3_600_000 || got.Total.Packets != 60_000 ||
			len(got.Times) == 0 || len(got.Groups[0].Series) != len(got.Times) {
			t.Errorf("%s: %+v", name, got)
		}
		if got := queried(t, config, "--filter", "proto = tcp"); got.Total.Flows != 0 || len(got.Groups) != 0 {
			t.Errorf("%s, TCP: %+v", name, got)
		}
		text := query(t, config, "--group", "dst")
		if !regexp.MustCompile(`from the flows themselves: 3 flows looked at in .*\nDST +BYTES +PACKETS +FLOWS +SHARE\n10\.0\.0\.1 +3\.6 M +60 k +3 +100\.0%\nothers .*\ntotal +3\.6 M +60 k +3 +100\.0%\n$`).MatchString(text) {
			t.Errorf("%s prints\n%s", name, text)
		}
		if text := query(t, config, "--group", "none"); strings.Contains(text, "10.0.0.1") || !strings.Contains(text, "total") {
			t.Errorf("%s, the total alone:\n%s", name, text)
		}
		rows, err := csv.NewReader(strings.NewReader(query(t, config, "--group", "proto", "--format", "csv"))).ReadAll()
		if err != nil || len(rows) != 3 || strings.Join(rows[0], " ") != "proto bytes packets flows share" || strings.Join(rows[1], " ") != "udp 3600000 60000 3 1" {
			t.Errorf("%s: %v %v", name, rows, err)
		}
		for args, says := range map[string]string{
			"--filter=src=10.0.0.300": "--filter", "--filter=(((": "position", "--group=color": "--group", "--group=src,src": "--group", "--from=yesterday": "--from",
			"--to=never": "--to", "--by=luck": "--by", "--source=sql": "--source", "--format=xml": "--format", "--limit=0": "limit", "--limit=x": "--limit",
			"--points=1001": "points", "--from=-1h --to=-2h": "", "extra": "extra", "--config=/nonexistent.yaml": "/nonexistent.yaml",
		} {
			status, stdout, stderr := exec(t, append([]string{"query", "-c", config}, strings.Fields(args)...)...)
			if said := strings.TrimSpace(lastLine(stderr)); status != 2 || stdout != "" || !strings.Contains(said, says) || !strings.HasPrefix(said, "tidewatch: ") {
				t.Errorf("%s: %s: status %d, prints %q, says %q", name, args, status, stdout, said)
			}
		}
	}

	// What cannot be read is missing in the answer, and said so.
	files, err := filepath.Glob(filepath.Join(dir, "history", "day=*", "hour=*", "*.parquet"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%v %v", files, err)
	}
	for _, f := range files {
		if err := os.WriteFile(f, []byte("PAR1 torn"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if got := queried(t, config); got.Total.Flows != 0 || !got.Partial || got.Reason == "" {
		t.Errorf("of damaged files: %+v", got)
	}
	if err := os.RemoveAll(filepath.Join(dir, "history")); err != nil {
		t.Fatal(err)
	}
	play(t, config, []step{nothing})
	if err := os.WriteFile(filepath.Join(dir, "history"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if status, stdout, stderr := exec(t, "query", "-c", config); status == 0 || stdout != "" || !strings.Contains(stderr, filepath.Join(dir, "history")) || strings.Count(stderr, "\n") != 1 {
		t.Errorf("a file instead of the folder: status %d, %q, %q", status, stdout, stderr)
	}
}

// SPDX-License-Identifier: Apache-2.0

package app

import (
	"flag"
	"fmt"
	"io"
	"net/netip"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"tidewatch/decision"
	"tidewatch/mitigate/bgp"
	"tidewatch/mitigate/hook"
	"tidewatch/triage"
)

var update = flag.Bool("update", false, "write docs/reference/metrics.md anew")

const metricsHead = `# Metrics

` + "`GET /metrics`" + ` of the API, for Prometheus. A name that ends in ` + "`_total`" + ` only grows. Parts that are not switched on (a model, BGP, hooks, the history) have no metrics. Those of the Go runtime and of the process come beside these.

Worth an alarm: ` + "`tidewatch_collect_kernel_drops_total`" + ` that grows (datagrams come faster than they are read), ` + "`tidewatch_collect_exporter_lost`" + ` (flows are lost on the way here), ` + "`tidewatch_history_dropped_flows_total`" + `, ` + "`tidewatch_notify_lost_total`" + `, ` + "`tidewatch_bgp_peer_up`" + ` at 0, and ` + "`/readyz`" + ` that is not 200. A test holds this page to the program.

| metric | labels | meaning |
|---|---|---|
`

// TestMetricsPage holds the reference page to what a server with everything on registers.
func TestMetricsPage(t *testing.T) {
	cfg := DefaultConfig()
	cfg.DataDir, cfg.Timezone, cfg.API.Listen, cfg.Collect.Listen = t.TempDir(), "UTC", "127.0.0.1:0", []string{"127.0.0.1:0"}
	cfg.Triage.Provider, cfg.Triage.Model, cfg.Triage.BaseURL = triage.OpenAI, "model", "http://127.0.0.1:1"
	cfg.Mitigation.BGP.RouterID, cfg.Mitigation.BGP.ASN, cfg.Mitigation.BGP.Peers = netip.MustParseAddr("127.0.0.1"), 64512, []bgp.PeerConfig{{Address: netip.MustParseAddr("127.0.0.2"), ASN: 64512}}
	cfg.Mitigation.Hooks = []hook.Config{{Name: "firewall", Actions: []decision.Action{decision.Block}, Script: &hook.ScriptConfig{Command: []string{"/bin/true"}}}}
	s, err := build(t.Context(), &cfg, &ServeOptions{Log: io.Discard, Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	described := make(chan *prometheus.Desc)
	go func() {
		s.registry.Describe(described)
		close(described)
	}()
	parts := regexp.MustCompile(`^Desc\{fqName: "(tidewatch_[a-z0-9_]+)", help: (".*"), constLabels: \{\}, variableLabels: \{(.*)\}\}$`)
	var rows []string
	for d := range described {
		m := parts.FindStringSubmatch(d.String())
		if m == nil {
			continue // of the runtime
		}
		labels := ""
		if m[3] != "" {
			labels = "`" + strings.ReplaceAll(m[3], ",", "`, `") + "`"
		}
		var help string
		if _, err := fmt.Sscanf(m[2], "%q", &help); err != nil {
			t.Fatalf("%s: %v", m[2], err)
		}
		rows = append(rows, fmt.Sprintf("| `%s` | %s | %s |\n", m[1], labels, strings.ReplaceAll(help, "|", "\\|")))
	}
	slices.Sort(rows)
	page := metricsHead + strings.Join(slices.Compact(rows), "") // some are described once for each value of a label
	const name = "../docs/reference/metrics.md"
	if *update {
		if err := os.WriteFile(name, []byte(page), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(page, string(have)); d != "" {
		t.Errorf("%s differs from the program; go test ./app -run MetricsPage -update writes it (-want +got):\n%s", name, d)
	}
	for _, named := range regexp.MustCompile("`(tidewatch_[a-z_]+)`").FindAllStringSubmatch(metricsHead, -1) {
		if !strings.Contains(page, "| `"+named[1]+"` |") {
			t.Errorf("the page tells to watch %s, which there is not", named[1])
		}
	}
}

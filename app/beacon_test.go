// SPDX-License-Identifier: Apache-2.0

package app

import (
	"path/filepath"
	"strings"
	"testing"

	"tidewatch/detect"
	"tidewatch/test/shareddata"
)

// Real captures of devices under command, each found as what it is, and of this
// kind no more than once for each device and kind.
func TestRealCommandAndControl(t *testing.T) {
	dir := shareddata.Dir(t)
	for _, c := range []struct{ files, internal, subject, kind string }{
		{"zeek/rita-3days-beacon/2024-04-*/conn.*.log.gz", "73.54.23.243/32", "73.54.23.243", "beacon"},
		{"zeek/rita-3days-beacon/2024-04-*/conn.*.log.gz zeek/rita-3days-beacon/2024-04-*/open_conn.*.log.gz", "73.54.23.243/32", "73.54.23.243", "long_connection"},
		{"c2/slips/test-cc/test-cc-capture-1.pcap", "147.32.80.37/32", "147.32.80.37", "beacon"},
		{"tunnel/corelight-longconn/long_connection.pcap", "192.168.0.0/16", "192.168.2.186", "long_connection"},
		{"zeek/iot23-devarship/CTU-IoT-Malware-Capture-42-1/*.pcap", "192.168.0.0/16", "192.168.1.197", "long_connection"},
		{"suricata/slips/test6-malicious.suricata.json.gz", "192.168.0.0/16", "192.168.1.129", "beacon"},
	} {
		var files []string
		for pattern := range strings.FieldsSeq(c.files) {
			some, err := filepath.Glob(filepath.Join(dir, pattern))
			if err != nil || len(some) == 0 {
				t.Fatalf("%s: %v, %v", pattern, some, err)
			}
			files = append(files, some...)
		}
		res, err := Analyze(t.Context(), testConfig(c.internal), &AnalyzeOptions{Files: files, KeepInternal: true})
		if err != nil {
			t.Fatal(err)
		}
		found, n := false, 0
		for i := range res.Incidents {
			x := &res.Incidents[i]
			if x.Category != detect.CommandControl || x.Severity.Rank() < detect.Medium.Rank() {
				continue
			}
			n++
			found = found || x.Kind == c.kind && x.Subject == c.subject
		}
		if !found || n > 2 {
			t.Errorf("%s: found %v, %d incidents of medium and above; want a %s of %s and at most one more", c.files, found, n, c.kind, c.subject)
			for i := range res.Incidents {
				t.Log(res.Incidents[i].Headline())
			}
		}
	}
}

// SPDX-License-Identifier: Apache-2.0

package triage_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tidewatch/detect"
	"tidewatch/incident"
	"tidewatch/test/llm"
	"tidewatch/test/shareddata"
	"tidewatch/triage"
)

var update = flag.Bool("update", false, "write docs/explanation/a-conversation.md anew")

// theft is 6 GB at night from a file server.
func theft() detect.Finding {
	at := time.Date(2026, 3, 1, 2, 40, 0, 0, time.UTC)
	flow := func(minutes int, bytes uint64) detect.Flow {
		return detect.Flow{
			Time: at.Add(time.Duration(minutes-100) * time.Minute), Source: "10.0.0.5", SrcPort: 51512, Dest: "203.0.113.9", DstPort: 443, Protocol: "tcp",
			Bytes: bytes, Packets: bytes / 1400, Duration: 290,
		}
	}
	return detect.Finding{
		Detector: "exfil", Category: detect.DataExfiltration, Kind: "exfiltration", Subject: netip.MustParsePrefix("10.0.0.5/32"),
		At: at, Started: at.Add(-100 * time.Minute), Last: at, Score: 0.85, Severity: detect.High,
		Baseline: detect.Baseline{Level: "hour_of_day", Samples: 24, AgeDays: 25},
		Indicators: []detect.Indicator{
			{Name: "upload_volume", Observed: 6.02e9, Expected: 1e9, Unit: "bytes", Weight: 0.3},
			{Name: "one_destination", Observed: 0.98, Expected: 0.8, Unit: "share", Weight: 0.3},
			{Name: "new_destination", Observed: 1, Expected: 0, Weight: 0.25},
			{Name: "off_hours", Observed: 1, Expected: 0.5, Unit: "share", Weight: 0.3},
		},
		Metrics:  detect.Metrics{Bytes: 6_020_000_000, Packets: 4_300_000, Destinations: 2, OffHoursShare: 1, TopDestinationShare: 0.98, UploadRatio: 61},
		Top:      detect.Top{Destinations: []detect.Share{{Key: "203.0.113.9", Bytes: 5_900_000_000, Share: 0.98}}, Ports: []detect.Share{{Key: "443/tcp", Bytes: 6_020_000_000, Share: 1}}},
		Evidence: []detect.Flow{flow(0, 290_000_000), flow(5, 301_000_000), flow(95, 288_000_000)},
	}
}

// script is what the model of the page says.
func script() []llm.Step {
	return []llm.Step{
		{
			Say: "The destination is new. I look at what it got before and at what the device usually does.",
			Calls: []llm.Call{
				{Name: "destination_history", Arguments: `{"address":"203.0.113.9"}`},
				{Name: "device_peers", Arguments: `{"device":"device-1"}`},
				{Name: "subject_flows", Arguments: `{"limit":3}`},
			},
		},
		{Say: llm.Answer(map[string]any{
			"reasons": []string{
				"6.02 GB went out where 1 GB is the limit, 98 % of it to 203.0.113.9", "device-1 never sent to that destination before this week",
				"all of it between 01:00 and 02:40, where device-1 usually sends 12 MB in an hour",
				"against that: steady pieces of about 300 MB over 443/tcp look like a backup",
			},
			"verdict": "threat", "confidence": 0.75, "legitimate_likelihood": 0.25, "attack_type": "exfiltration",
			"impact":                 "data that device-1 holds may be in the hands of others",
			"legitimate_explanation": "a backup to a new provider that nobody has told of",
			"recommended_actions":    []string{"ask who runs device-1 whether a new backup was set up", "if not, cut 203.0.113.9 off and keep device-1 as it is for forensics"},
			"investigation_steps":    []string{"on device-1, look for the process that held connections to 203.0.113.9 on 443/tcp from 01:00 to 02:40"},
			"investigation_priority": "p1", "likely_cause": "compromise", "likely_botnet": "no", "likely_data_type": "files of the share; nothing in flows says which",
			"exfiltration_method": "https", "attack_techniques": []string{"T1048.002"},
		})},
	}
}

// TestConversation writes down a whole conversation, and holds the page in docs to it.
func TestConversation(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(filepath.Join("testdata", "conversation.md"))
	if err != nil {
		t.Fatal(err)
	}
	service := llm.Start(t, script()...)
	b := newBench(trial{t, triage.Anthropic}, service.URL, withTools)
	half := 0.07
	b.known.subject = triage.Subject{
		Name: "files.office.example", Role: "server", DaysSeen: 25, Usual: &triage.Hour{BytesIn: 3e6, BytesOut: 12e6}, Active: &half,
		Services: []string{"offers tcp/445 since 2026-02-04"},
	}
	b.known.planned = []triage.Planned{{Name: "Weekly backup", Here: true, Hours: 2, Distance: -6}}
	b.known.similar = []triage.Similar{{Same: true, Kind: "exfiltration", Severity: "medium", DaysAgo: 13.1, Lasted: 5400, Bytes: 2_100_000_000, State: incident.Closed, Said: incident.VerdictNormal}}
	b.see(0, theft())
	inc := b.only(judged)
	if !inc.ByModel() {
		t.Fatalf("no answer: %s", inc.Assessment.Error)
	}
	text := bytes.NewBuffer(page)
	write(text, service.Requests(), &inc)
	path := filepath.Join(shareddata.Root(t), "docs", "explanation", "a-conversation.md")
	if *update {
		if err := os.WriteFile(path, text.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(have), text.String()); diff != "" {
		t.Errorf("%s is not what is said (-page +said):\n%s", path, diff)
	}
}

// write tells a conversation turn by turn.
func write(out *bytes.Buffer, all []llm.Request, inc *incident.Incident) {
	last := &all[len(all)-1]
	fmt.Fprintf(out, "## What every model is told first\n\n```text\n%s\n```\n\n", last.System)
	fmt.Fprintf(out, "Beside it go the [form of the answer](../reference/incident.md#assessment) as a JSON schema, and the tools `%s`.\n",
		strings.Join(all[0].Tools, "`, `"))
	for i := range last.Turns {
		t := &last.Turns[i]
		switch t.Who {
		case "user":
			before, evidence, _ := strings.Cut(t.Text, "<evidence>\n")
			evidence, after, _ := strings.Cut(evidence, "\n</evidence>")
			fmt.Fprintf(out, "\n## The question\n\n```text\n%s<evidence>\n```\n\n```json\n%s\n```\n\n```text\n</evidence>%s\n```\n", before, pretty(evidence), after)
		case "assistant":
			fmt.Fprintf(out, "\n## The model asks for more\n\n")
			if t.Text != "" {
				fmt.Fprintf(out, "> %s\n\n", t.Text)
			}
			for _, c := range t.Calls {
				fmt.Fprintf(out, "- `%s` `%s`\n", c.Name, c.Arguments)
			}
		case "tool":
			fmt.Fprintf(out, "\n## What the tools found\n")
			for result := range strings.SplitSeq(strings.TrimSpace(t.Text), "\n") {
				fmt.Fprintf(out, "\n```json\n%s\n```\n", pretty(result))
			}
		}
	}
	fmt.Fprintf(out, "\n## The answer\n\n```json\n%s\n```\n", pretty(last.Answer.Say))
	stands, err := json.MarshalIndent(inc.Assessment, "", "  ")
	if err != nil {
		panic(err) // of ours alone
	}
	fmt.Fprintf(out, "\n## What stands in the incident\n\nThe answer fitted its form. Pseudonyms are taken back, and the priority, which is more urgent than the rules' `%s`, is taken over. "+
		"Severity (`%s`), score (%.2f) and state (`%s`) are what they were; the rules' own assessment is in `rules_assessment`, and the timeline says: %s.\n\n```json\n%s\n```\n",
		inc.Rules.Priority, inc.Severity, inc.Score, inc.State, inc.Timeline[len(inc.Timeline)-1].Text, stands)
}

func pretty(text string) string {
	var out bytes.Buffer
	if err := json.Indent(&out, []byte(text), "", "  "); err != nil {
		return text
	}
	return out.String()
}

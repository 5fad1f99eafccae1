// SPDX-License-Identifier: Apache-2.0

package incident

import (
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"tidewatch/detect"
	"tidewatch/test/shareddata"
)

// TestReferenceIsComplete: the reference names every field, event and reason.
func TestReferenceIsComplete(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(shareddata.Root(t), "docs", "reference", "incident.md"))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, t := range []reflect.Type{reflect.TypeFor[Incident](), reflect.TypeFor[Assessment](), reflect.TypeFor[Action]()} {
		for f := range t.Fields() {
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			names = append(names, name)
		}
	}
	for _, e := range []EventType{
		Opened, Reopened, ResolvedEvent, Escalated, VectorChanged, KindChanged, Deescalated, Related, Restored, Updated,
		AcknowledgedEvent, ClosedEvent, FeedbackEvent, CommentedEvent, AssessedEvent, ActedEvent,
	} {
		names = append(names, string(e))
	}
	kinds := detect.Kinds()
	names = append(names, kinds[:]...)
	names = append(names, ReasonQuiet, ReasonRecovered, ReasonAbsorbed, ReasonRestart, ReasonOverflow, kindOverflow)
	for _, name := range names {
		if !strings.Contains(string(page), "`"+name+"`") {
			t.Errorf("%s is not in docs/reference/incident.md", name)
		}
	}
}

// TestQuietTimesOfThePage: the times that the reference names are the defaults.
func TestQuietTimesOfThePage(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(shareddata.Root(t), "docs", "reference", "incident.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(page), "| category | quiet time |")
	cfg := DefaultConfig()
	for _, c := range []detect.Category{
		detect.DDoSAttack, detect.DataExfiltration, detect.CommandControl, detect.Reconnaissance, detect.BaselineAnomaly, detect.Operational,
	} {
		quiet := cfg.QuietAfter.of(c)
		n, unit := int(quiet.Minutes()), "minute"
		if quiet >= time.Hour {
			n, unit = int(quiet.Hours()), "hour"
		}
		want := strconv.Itoa(n) + " " + unit
		if n != 1 {
			want += "s"
		}
		ok := false
		for line := range strings.Lines(table) {
			ok = ok || strings.Contains(line, "`"+string(c)+"`") && strings.Contains(line, "| "+want)
		}
		if !ok {
			t.Errorf("docs/reference/incident.md does not say that the quiet time of %s is %s", c, want)
		}
	}
}

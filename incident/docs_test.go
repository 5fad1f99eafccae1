// SPDX-License-Identifier: Apache-2.0

package incident

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

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
	for f := range reflect.TypeFor[Incident]().Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		names = append(names, name)
	}
	for _, e := range []EventType{
		Opened, Reopened, ResolvedEvent, Escalated, VectorChanged, KindChanged, Deescalated, Related, Restored, Updated,
		AcknowledgedEvent, ClosedEvent, FeedbackEvent,
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

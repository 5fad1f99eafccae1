// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Events are added, listed and taken back through the server that uses the data
// directory, and in the directory when none does; they outlive kill -9, and the
// audit tells who did what.
func TestEventCommands(t *testing.T) {
	soon := time.Now().UTC().AddDate(0, 0, 30)
	calendar := write(t, "work.ics", "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:1\r\nSUMMARY:Move\r\nDTSTART:"+soon.Format("20060102")+"T120000Z\r\nDURATION:PT1H\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n")
	config, _ := site(t, "schedule:", "  events: [{name: backup, start: \"2026-01-01 22:00\", duration: 1h, rrule: \"FREQ=DAILY\", learn: false}]",
		"  calendars: [{file: "+calendar+", alert: false}]")
	id := regexp.MustCompile(`ev-[a-z2-7]{16}`)
	start := time.Now().UTC().Add(-time.Hour).Format(time.RFC3339)

	// On the directory.
	must(t, config, "nobody decided", "audit", "list")
	first := id.FindString(must(t, config, "no alert about volume, ddos; expect 5 times; next ", "event", "add", "load test", "--start", start, "--duration", "3h",
		"--target", "10.0.0.0/8", "--target", "2001:db8::1", "--no-alert", "--kind", "volume", "--kind", "ddos", "--expect", "5", "--by", "anna", "--note", "announced"))
	list := must(t, config, "10.0.0.0/8, 2001:db8::1", "event", "list")
	for _, want := range []string{first + "  load test  anna ", "backup ", "configuration ", "Move ", calendar, "NEXT (UTC)", soon.Format("Mon 2006-01-02") + " 12:00 +00:00 to 13:00"} {
		if !strings.Contains(list, want) {
			t.Errorf("%q is not in\n%s", want, list)
		}
	}

	// Through the server; nothing is lost when it is killed.
	p := serve(t, config)
	second := id.FindString(must(t, config, "no learning", "event", "add", "weekly work", "--start", "2026-12-01", "--rrule", "FREQ=WEEKLY;BYDAY=TU,TH", "--no-learn", "--by", "ben"))
	must(t, config, second, "event", "list", "--origin", "people", "--limit", "1")
	refused(t, config, 2, "already", "event", "add", "weekly work", "--start", "2026-12-01", "--no-learn")
	if err := p.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	<-p.ended
	p = serve(t, config)
	text := must(t, config, `"weekly work"`, "event", "list", "--format", "json")
	var all struct {
		Zone   string `json:"zone"`
		Events []struct {
			ID     string `json:"id"`
			Origin string `json:"origin"`
			Note   string `json:"note"`
			Learn  *bool  `json:"learn"`
			Next   []any  `json:"next"`
		} `json:"events"`
	}
	if err := json.Unmarshal([]byte(text), &all); err != nil {
		t.Fatal(err)
	}
	if len(all.Events) != 4 || all.Events[0].ID != second || all.Events[1].ID != first || all.Events[1].Note != "announced" || all.Events[2].Origin != "configuration" ||
		all.Zone != "UTC" || len(all.Events[0].Next) != 3 || all.Events[0].Learn == nil || *all.Events[0].Learn {
		t.Errorf("after kill -9: %+v", all)
	}
	// What the server judges by: the flood is listed, and low.
	within(t, "an incident is open", func() bool { p.flood(t, 20); return len(p.starts(t)) > 0 })
	if got := must(t, config, "UDP flood", "incident", "list"); !strings.Contains(got, "  low ") || strings.Contains(got, "critical") {
		t.Errorf("under the event:\n%s", got)
	}
	must(t, config, "is taken back", "event", "remove", first, "--by", "carl", "--note", "called off")
	refused(t, config, 2, "no event", "event", "remove", first)
	refused(t, config, 2, "comes from the configuration, schedule.events", "event", "remove", all.Events[2].ID)
	refused(t, config, 2, calendar, "event", "remove", all.Events[3].ID)
	audit := must(t, config, "carl", "audit", "list") // beside the server
	if !regexp.MustCompile(`(?s)carl +event.remove +` + first + ` +load test: called off.*ben +event.add +` + second + ` +weekly work.*anna +event.add +` + first + ` +load test: announced`).MatchString(audit) {
		t.Error(audit)
	}
	if err := p.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	<-p.ended

	// On the directory again.
	refused(t, config, 2, "comes from the calendar "+calendar, "event", "remove", all.Events[3].ID)
	refused(t, config, 2, "has no effect", "event", "add", "x", "--start", "2100-01-01")
	refused(t, config, 2, "write one, or a start without a time", "event", "add", "x", "--start", "2100-01-01 12:00", "--no-alert")
	refused(t, config, 2, "--limit", "event", "list", "--limit", "0")
	must(t, config, "is taken back", "event", "remove", second)
	if got := must(t, config, "backup", "event", "list"); strings.Contains(got, second) {
		t.Error(got)
	}
}

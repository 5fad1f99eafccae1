// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"fmt"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"tidewatch/decision"
	"tidewatch/incident"
)

// operates is an operator who goes from the incident to its evidence, approves what is
// proposed, in a dry run, and closes the incident with a verdict.
func operates(t *testing.T, demo *shownDemo) {
	t.Helper()
	server := demo.server()
	var proposed struct{ Mitigations []decision.Decision }
	server.ask(t, "/api/v1/mitigations?state=proposed", nil, &proposed)
	at := slices.IndexFunc(proposed.Mitigations, func(d decision.Decision) bool { return d.Kind == "exfiltration" })
	if at < 0 {
		t.Fatal("no rule against the theft is proposed")
	}
	rule := &proposed.Mitigations[at]

	b := openBrowser(t, demo.api)
	b.open("incidents/" + rule.Incident)
	b.signIn("olga")
	b.says("Observed against expected")
	b.until("the evidence has flows", "document.querySelectorAll('#flows tbody tr').length > 0", 2*patience)
	b.click("[data-testid=approve]")
	b.says("Approve this rule?")
	b.says("no router and no firewall is told")
	b.click("dialog[open] [data-testid=confirm]")
	b.says("Approved:")
	b.until("nothing is left to approve", "document.querySelector('[data-testid=approve]') === null", patience)
	b.click("[data-testid=close]")
	b.click("dialog[open] input[value=attack]")
	b.fill("dialog[open] label > input:not([type=radio])", "seen with the owner")
	b.click("dialog[open] [data-testid=confirm]")
	b.says("Closed as attack")
	b.says("seen with the owner")
	readsChart(b)
	b.clean("incident")

	var closed incident.Incident
	server.ask(t, "/api/v1/incidents/"+rule.Incident, nil, &closed)
	if closed.State != incident.Closed || closed.Verdict != "attack" {
		t.Errorf("the server has it as %s, %q", closed.State, closed.Verdict)
	}
	var told struct{ Decision decision.Decision }
	server.ask(t, "/api/v1/mitigations/"+rule.ID, nil, &told)
	if decided := told.Decision; !decided.DryRun || decided.State == decision.Proposed || decided.State == decision.Rejected {
		t.Errorf("the server has the rule as %s, dry run %v", decided.State, decided.DryRun)
	}
	walkOn(t, b, server)
	b.clean("walk")
}

// readsChart reads single moments of a chart without a pointer.
func readsChart(b *browser) {
	b.Helper()
	const tip = `(document.querySelector('main figure [role=status]')?.innerText ?? '')`
	b.do("go to the chart", chromedp.Focus(chromedp.CSS("main figure")), chromedp.KeyEvent(kb.End))
	b.until("the newest moment is read", `/\d\d:\d\d:\d\d[^]*bit\/s/.test(`+tip+`)`, patience)
	newest := look[string](b, tip)
	b.do("one back", chromedp.KeyEvent(kb.ArrowLeft))
	b.until("another moment is read", fmt.Sprintf("%s !== '' && %s !== %q", tip, tip, newest), patience)
	b.do("enough", chromedp.KeyEvent(kb.Escape))
	b.until("the tip is gone", tip+" === ''", patience)
}

// walkOn goes on to a device whose baseline is rolled back, a question to the explorer and a
// scheduled event that is planned.
func walkOn(t *testing.T, b *browser, server *process) {
	t.Helper()
	b.open("devices/10.20.0.10")
	b.says("Usual week")
	b.click("[data-testid=rollback]")
	b.click("dialog[open] [data-testid=confirm]")
	b.says("Rolled back")

	b.open("explorer?from=-1h&filter=dst%20%3D%2010.20.0.10&group=src&by=bytes")
	b.until("the explorer has groups", "document.querySelectorAll('[data-testid=groups] tbody tr').length > 2", 2*patience)
	var exported struct{ Flows []map[string]any }
	server.ask(t, "/api/v1/flows/export?from=-1h&format=json&filter=dst%20%3D%2010.20.0.10", nil, &exported)
	if len(exported.Flows) < 100 {
		t.Errorf("%d flows are exported", len(exported.Flows))
	}

	start := time.Now().UTC().Add(48 * time.Hour).Format("2006-01-02 15:04")
	b.open("events?name=walk&duration=1h&targets=10.20.0.10&start=" + url.QueryEscape(start))
	b.click("dialog[open] [data-testid=confirm]")
	b.until("the event is in the list", "[...document.querySelectorAll('[data-testid=events] td')].some((c) => c.innerText.includes('walk'))", patience)
	var planned struct {
		Events []struct{ Name, Origin, By string }
	}
	server.ask(t, "/api/v1/events?origin=people", nil, &planned)
	if len(planned.Events) != 1 || planned.Events[0].Name != "walk" || planned.Events[0].By != "olga" {
		t.Errorf("the server has %+v", planned.Events)
	}
}

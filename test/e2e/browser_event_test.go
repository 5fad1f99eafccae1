// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// What an operator plans in the browser is kept to: of two hosts that get the same load,
// the one whose load is planned is listed as such, and nobody is told nor asked to act.
func TestBrowserEvent(t *testing.T) {
	alerts := filepath.Join(t.TempDir(), "alerts.jsonl")
	server := startServer(t, plainConfig(t, "notify: {file: [{name: log, path: "+alerts+"}]}\n"))
	staff(t, server.api, serverToken)
	planned, other := netip.MustParseAddr("203.0.113.7"), netip.MustParseAddr("203.0.113.8")
	load := besiege(t, func() string { return server.flows }, []netip.Addr{planned, other})

	b := openBrowser(t, server.api)
	b.open("events")
	b.signIn("olga")
	b.open("events")
	b.says("by the site's clock, UTC")
	b.click("[data-testid=plan]")
	b.fill("[data-testid=event-name]", "load test")
	b.do("say when", chromedp.Evaluate[chromedp.Void](fmt.Sprintf(`{
		const start = document.querySelector('[data-testid=event-start]')
		start.value = %q
		start.dispatchEvent(new Event('input', {bubbles: true}))
	}`, time.Now().UTC().Format("2006-01-02T15:04"))))
	b.fill("dialog[open] input[placeholder^='192.0.2.10']", planned.String())
	b.click("dialog[open] [data-testid=confirm]")
	b.until("the event is in the list", "[...document.querySelectorAll('[data-testid=events] td')].some((c) => c.innerText.includes('load test'))", patience)
	load.attack(planned, other)

	b.open("incidents")
	row := func(host netip.Addr, severity string) string {
		return fmt.Sprintf(`[...document.querySelectorAll('tr.link')].some((r) => r.innerText.includes('%s') && /%s/.test(r.innerText))`, host, severity)
	}
	b.until("what nobody planned alarms", row(other, "high|critical"), time.Minute)
	b.until("what is planned is low", row(planned, "low"), patience)
	b.do("open it", chromedp.Evaluate[chromedp.Void](fmt.Sprintf(`[...document.querySelectorAll('tr.link')].find((r) => r.innerText.includes('%s')).click()`, planned)))
	b.says(`"load test"`)
	b.clean("event")

	var told string
	until(t, patience, func() bool {
		text, _ := os.ReadFile(alerts) // empty at worst
		told = string(text)
		return strings.Contains(told, other.String())
	}, func() string { return "nobody is told of what was not planned: " + told })
	if strings.Contains(told, `"subject":"`+planned.String()) {
		t.Errorf("somebody is told of what was planned: %s", told)
	}
	for _, d := range server.mitigations(t, "") {
		if d.Target.Addr() == planned {
			t.Errorf("something is to be done about what was planned: %+v", d)
		}
	}
}

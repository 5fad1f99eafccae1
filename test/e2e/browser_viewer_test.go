// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"fmt"
	"strings"
	"testing"

	"tidewatch/decision"
	"tidewatch/incident"
)

// noteChanges has a page write down what it asks the server for that is no reading.
const noteChanges = `window.changes = []
const real = window.fetch
window.fetch = (what, how = {}) => {
	if ((how.method ?? 'GET') !== 'GET') window.changes.push(how.method + ' ' + what)
	return real(what, how)
}`

// pressAll presses each button of the page once, of several that say the same one, and what
// these bring up, too. It returns what they say.
const pressAll = `(async () => {
	const pressed = []
	const says = (e) => e.innerText.trim() || e.ariaLabel
	while (pressed.length < 100) {
		const next = [...document.querySelectorAll('dialog[open] button, main button')]
			.find((e) => e.checkVisibility() && !e.disabled && !pressed.includes(says(e)))
		if (next === undefined) return pressed
		pressed.push(says(next))
		next.click()
		await new Promise((done) => setTimeout(done, 20))
	}
	return pressed
})()`

// tryAll asks for every change that the API offers, of things that are there, with the
// session of the page, and returns what was not refused. What concerns the asker alone, his
// session, password and tokens, is left out.
const tryAll = `(async () => {
	const own = ['/session', '/setup', '/tokens']
	const { csrf } = await (await fetch('/api/v1/session')).json()
	const { paths } = await (await fetch('/api/v1/openapi.json')).json()
	const found = { incidents: %q, mitigations: %q, users: 'olga' }
	const done = []
	let asked = 0
	for (const [path, methods] of Object.entries(paths)) {
		if (own.some((o) => path.startsWith('/api/v1' + o))) continue
		const at = path.replace(/\{\w+\}/, found[path.split('/')[3]] ?? 'some')
		for (const method of Object.keys(methods)) {
			if (method === 'get') continue
			asked++
			const body = method === 'delete' ? undefined : '{}'
			const { status } = await fetch(at, { method: method.toUpperCase(), body, headers: { 'Content-Type': 'application/json', 'X-CSRF-Token': csrf } })
			if (status !== 403) done.push(method + ' ' + at + ' ' + status)
		}
	}
	if (asked < 20) done.push('only ' + asked + ' were asked for')
	return done
})()`

// watches is a viewer, who sees all of it and changes nothing: no control does, and the API
// refuses what no control offers.
func watches(t *testing.T, demo *shownDemo, all []view, d *demonstrated) {
	t.Helper()
	b := openBrowser(t, demo.api)
	b.before(noteChanges)
	b.open("")
	b.signIn("victor")
	look[bool](b, "(window.changes = []) !== null")
	pressed := 0
	for i := range all {
		v := &all[i]
		if v.page == "login" || v.page == "mitigations" || strings.HasPrefix(v.page, "settings/") {
			continue // the first and last have pages of their own below
		}
		b.whole(v)
		pressed += len(look[[]string](b, pressAll))
	}
	for _, page := range []string{"mitigations", "mitigations/" + d.decisions.Mitigations[0].ID, "events", "settings/sinks", "settings/audit", "settings/about", "settings/users", "settings/configuration"} {
		b.open(page)
		b.until("nothing loads", `!document.querySelector('main').innerText.includes('Loading')`, patience)
		pressed += len(look[[]string](b, pressAll))
		b.clean(page)
	}
	if pressed < 40 {
		t.Errorf("only %d buttons were there to press", pressed)
	}
	if changes := look[[]string](b, "window.changes"); len(changes) > 0 {
		t.Errorf("a viewer's page asks for changes: %q", changes)
	}
	id, rule := d.one("exfiltration", "10.10.2.47"), ""
	for _, x := range d.decisions.Mitigations {
		if x.Kind == "exfiltration" {
			rule = x.ID
		}
	}
	for _, done := range look[[]string](b, fmt.Sprintf(tryAll, id, rule)) {
		t.Errorf("a viewer is not refused: %s", done)
	}
	var still incident.Incident
	demo.server().ask(t, "/api/v1/incidents/"+id, nil, &still)
	var told struct{ Decision decision.Decision }
	demo.server().ask(t, "/api/v1/mitigations/"+rule, nil, &told)
	if still.State != incident.Open || told.Decision.State != decision.Proposed {
		t.Errorf("a viewer left the incident %s and its rule %s", still.State, told.Decision.State)
	}
}

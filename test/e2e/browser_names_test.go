// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"fmt"
	"net/url"
	"slices"
	"testing"
)

// hostile is a name that runs when somebody takes it for HTML, in text or in an attribute.
const hostile = `"><script>window.ran = 1</script><img src=x onerror="window.ran = 1">`

// spoil has every text that the server sends and did not make up itself end in a hostile
// one, and every device bear it as its name.
const spoil = `const hostile = %q
const free = ['name', 'note', 'text', 'detail', 'who', 'headline', 'summary', 'reason', 'reasons', 'health', 'title', 'file']
const spoil = (v, key) => {
	if (typeof v === 'string') return free.includes(key) ? v + hostile : v
	if (Array.isArray(v)) return v.map((x) => spoil(x, key))
	if (v === null || typeof v !== 'object') return v
	for (const k of Object.keys(v)) v[k] = spoil(v[k], k)
	if ('address' in v && !('name' in v)) v.name = hostile
	return v
}
const parse = JSON.parse
JSON.parse = (text, how) => spoil(parse(text, how), '')`

// harmless fails when a page made anything but text of a hostile name.
func (b *browser) harmless(where string) {
	b.Helper()
	if look[bool](b, `window.ran !== undefined || document.querySelector('img, body script') !== null`) {
		b.Errorf("%s takes a name for HTML", where)
	}
}

// namesAreText shows that no page takes a name for HTML, wherever names are shown.
func namesAreText(t *testing.T, demo *shownDemo, all []view) {
	t.Helper()
	b := openBrowser(t, demo.api)
	b.before(fmt.Sprintf(spoil, hostile))
	b.open("")
	b.signIn("ada")
	named := fmt.Sprintf("document.querySelector('main').innerText.includes(%q)", hostile)
	shown := []string{"incident", "theft", "mitigations", "devices", "device", "events", "settings-users", "settings-audit"}
	for i := range all {
		v := &all[i]
		b.open(v.page)
		b.until(v.name+" is there", `!document.querySelector('main').innerText.includes('Loading') && (`+v.shows+`)`, patience)
		// The overview names devices as long as some are far from usual.
		movers := v.page == "" && look[bool](b, `document.querySelector('main td a[href^="#/devices/"]') !== null`)
		if movers || slices.Contains(shown, v.name) {
			b.until(v.name+" shows the name", named, patience)
		}
		b.harmless(v.name)
		b.clean(v.name)
	}
	for _, asked := range []string{"explorer?filter=", "explorer?group=", "incidents?text=", "devices?text=", "devices/", "incidents/", "mitigations/", "settings/", ""} {
		b.open(asked + url.QueryEscape(hostile)) // what is asked for is shown, too
		b.until("nothing loads", `!document.querySelector('main').innerText.includes('Loading')`, patience)
		b.harmless(asked)
	}
}

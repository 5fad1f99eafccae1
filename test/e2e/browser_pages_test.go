// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"os"
	"strings"
	"testing"
)

// view is a page of the dashboard, and how one sees that all of it is there.
type view struct {
	name, page string
	shows      string // holds of the whole page, in JavaScript
	pocket     bool   // is worth a picture on a phone
}

// views are all pages, of a server that shows the demo: flood, theft and device are what
// has happened there.
func views(flood, theft, device string) []view {
	rows := func(of, n string) string {
		return "document.querySelectorAll('" + of + " tbody tr').length >= " + n
	}
	const chart = "document.querySelector('main figure canvas')"
	return []view{
		{"overview", "", chart + " && document.querySelector('[data-testid=rates]') && " + rows("main", "6"), true},
		{"incidents", "incidents", rows("main", "6"), false},
		{"incident", "incidents/" + flood, chart + " && " + rows("#flows", "1"), true},
		{"theft", "incidents/" + theft, chart + " && " + rows("#flows", "1"), false},
		{"mitigations", "mitigations", "document.querySelector('[data-testid=approve]')", false},
		{"devices", "devices", rows("main", "20"), false},
		{"device", "devices/" + device, chart + " && " + rows("main", "3"), false},
		{"explorer", "explorer", chart + " && " + rows("[data-testid=groups]", "3"), false},
		{"events", "events", "document.querySelector('[data-testid=calendar]') && " + rows("[data-testid=events]", "1"), false},
		{"exporters", "exporters", rows("[data-testid=exporters]", "3"), false},
		{"settings-account", "settings/account", "true", false},
		{"settings-users", "settings/users", rows("main", "1"), false},
		{"settings-tokens", "settings/tokens", "true", false},
		{"settings-sinks", "settings/sinks", "true", false},
		{"settings-configuration", "settings/configuration", "true", false},
		{"settings-audit", "settings/audit", rows("main", "1"), false},
		{"settings-about", "settings/about", "true", false},
		{"sign-in", "login", "document.querySelector('input[type=password]')", false},
	}
}

// picturesDir names the folder that pictures are left in; without it none are taken.
const picturesDir = "TIDEWATCH_PICTURES"

// whole waits until a page is there, and fails when it tells of an error, the console does,
// or something sticks out of the window.
func (b *browser) whole(v *view) {
	b.Helper()
	b.open(v.page)
	const loads = `document.querySelector('[aria-busy=true]') || document.querySelector('main').innerText.includes('Loading')`
	b.until(v.name+" is whole", "!("+loads+") && ("+v.shows+")", patience)
	if alert := look[string](b, `[...document.querySelectorAll('[role=alert]')].map((e) => e.innerText).join('; ')`); alert != "" {
		b.Errorf("%s says %q", v.name, alert)
	}
	b.fits(v.name)
	b.clean(v.name)
}

// fits fails when the page is wider than the window.
func (b *browser) fits(name string) {
	b.Helper()
	if over := look[int](b, "document.documentElement.scrollWidth - innerWidth"); over > 0 {
		b.Errorf("%s sticks out of a window of %d pixels by %d", name, look[int](b, "innerWidth"), over)
	}
}

// walk goes through all pages at the widths of a desk and a phone. It
// leaves pictures of them, in light and dark, where somebody asked for some.
func walk(t *testing.T, b *browser, all []view) {
	t.Helper()
	pictures := os.Getenv(picturesDir)
	for i := range all {
		v := &all[i]
		b.whole(v)
		if pictures != "" {
			b.picture(pictures, v.name+"-light")
			b.colours("dark")
			b.picture(pictures, v.name+"-dark")
			b.colours("light")
		}
		b.wide(phone)
		b.fits(v.name)
		if pictures != "" && v.pocket {
			b.picture(pictures, v.name+"-phone")
		}
		b.wide(desk)
		if title := look[string](b, "document.title"); !strings.Contains(title, "tidewatch") {
			t.Errorf("%s is called %q", v.name, title)
		}
	}
}

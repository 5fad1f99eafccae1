// SPDX-License-Identifier: Apache-2.0

package house

import (
	"bytes"
	"path"
	"regexp"
	"strings"
	"testing"

	"tidewatch/app"
)

var (
	fence   = regexp.MustCompile("(?ms)^```.*?^```")
	inline  = regexp.MustCompile("`[^`\n]*`")
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)|(?:src|srcset|href)="([^"]+)"`)
	heading = regexp.MustCompile(`(?m)^#+ +(.+)$`)
	outside = regexp.MustCompile(`^(https?|mailto):`)
)

// slug is the anchor that GitHub gives a heading.
func slug(text string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(text) {
		switch {
		case r == ' ':
			b.WriteRune('-')
		case r == '-' || r == '_' || r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r > 127:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// broken tells why a link on page leads nowhere; "" when it leads somewhere.
func broken(all map[string][]byte, page, target string) string {
	if outside.MatchString(target) {
		return ""
	}
	file, anchor, _ := strings.Cut(target, "#")
	at := page
	if file != "" {
		at = path.Join(path.Dir(page), file)
	}
	text, ok := all[at]
	if !ok {
		for name := range all {
			if strings.HasPrefix(name, at+"/") {
				return "" // a folder
			}
		}
		return "no such file"
	}
	if anchor == "" || path.Ext(at) != ".md" {
		return ""
	}
	for _, m := range heading.FindAllStringSubmatch(string(text), -1) {
		if slug(m[1]) == anchor {
			return ""
		}
	}
	return "no such heading"
}

func links(page []byte) []string {
	text := inline.ReplaceAllString(fence.ReplaceAllString(string(page), ""), "")
	var out []string
	for _, m := range link.FindAllStringSubmatch(text, -1) {
		out = append(out, m[1]+m[2])
	}
	return out
}

func TestLinksLeadSomewhere(t *testing.T) {
	all := files(t)
	for name, text := range all {
		if path.Ext(name) != ".md" || strings.Contains(name, "testdata/") {
			continue
		}
		for _, target := range links(text) {
			if why := broken(all, name, target); why != "" {
				t.Errorf("%s links to %s: %s", name, target, why)
			}
		}
	}
}

// TestEveryPageIsInTheIndex keeps docs/README.md the one place to start from.
func TestEveryPageIsInTheIndex(t *testing.T) {
	all := files(t)
	listed := map[string]bool{"docs/README.md": true}
	for _, target := range links(all["docs/README.md"]) {
		file, _, _ := strings.Cut(target, "#")
		listed[path.Join("docs", file)] = true
	}
	for name := range all {
		if strings.HasPrefix(name, "docs/") && path.Ext(name) == ".md" && !listed[name] {
			t.Errorf("%s is not in docs/README.md", name)
		}
	}
}

func TestBrokenLinksAreFound(t *testing.T) {
	all := map[string][]byte{"README.md": []byte("# A page: its head\n"), "docs/a.md": nil}
	for target, want := range map[string]string{
		"docs/a.md":            "",
		"docs":                 "",
		"#a-page-its-head":     "",
		"https://example.org/": "",
		"docs/b.md":            "no such file",
		"#another":             "no such heading",
	} {
		if got := broken(all, "README.md", target); got != want {
			t.Errorf("%s: got %q, want %q", target, got, want)
		}
	}
	if got := links([]byte("[a](b.md) `[c](d.md)`\n```\n[e](f.md)\n```\n")); len(got) != 1 || got[0] != "b.md" {
		t.Errorf("got links %v", got)
	}
}

// TestPlugInsAreDocumented finds detectors and file formats that users are not
// told of.
func TestPlugInsAreDocumented(t *testing.T) {
	all := files(t)
	for name := range all {
		if detector, ok := strings.CutPrefix(path.Dir(name), "detect/"); ok && !strings.Contains(detector, "/") &&
			!bytes.Contains(all["docs/detectors.md"], []byte("\n## "+detector+":")) {
			t.Errorf("docs/detectors.md has no section %q", "## "+detector+": ...")
		}
	}
	for _, f := range app.Formats() {
		if !bytes.Contains(all["docs/reference/file-formats.md"], []byte("`"+f.Name+"`")) &&
			!bytes.Contains(all["docs/reference/packet-captures.md"], []byte("**"+f.Name+"**")) {
			t.Errorf("docs/reference/file-formats.md does not name the format %s", f.Name)
		}
	}
}

// TestMakeHelpIsWhole finds targets that `make help` would not list.
func TestMakeHelpIsWhole(t *testing.T) {
	text := string(files(t)["Makefile"])
	for _, m := range regexp.MustCompile(`(?m)^\.PHONY: (.+)$`).FindAllStringSubmatch(text, -1) {
		for target := range strings.FieldsSeq(m[1]) {
			if !regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(target) + `:[^=]*## \S`).MatchString(text) {
				t.Errorf("make %s has no line for `make help`", target)
			}
		}
	}
}

// SPDX-License-Identifier: Apache-2.0

package syslog_test

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/leodido/go-syslog/v4/rfc5424"

	"tidewatch/incident"
	"tidewatch/notify"
	"tidewatch/notify/notifytest"
	"tidewatch/notify/syslog"
)

var update = flag.Bool("update", false, "write the golden files instead of comparing them")

// said is what arrives of a message, read by another's parser.
func said(t *testing.T, cfg syslog.Config, m *notify.Message) (*rfc5424.SyslogMessage, string) {
	t.Helper()
	r := datagrams(t, "127.0.0.1:0")
	cfg.Protocol, cfg.Address, cfg.Hostname = "udp", r.addr, "sensor-1"
	if _, err := sink(t, cfg).Send(t.Context(), m, ""); err != nil {
		t.Fatal(err)
	}
	got := r.next(t)
	return got, *got.Message
}

func TestGolden(t *testing.T) {
	prefix := notifytest.Flood(notify.Update, incident.Updated)
	prefix.Incident.Subject, prefix.Incident.Scope = "2001:db8:5::/48", incident.ScopePrefix
	for name, m := range map[string]*notify.Message{
		"flood": flood(), "theft": notifytest.Theft(), "prefix": prefix, "digest": notifytest.Digest(), "test": notifytest.Test(),
		"resolved": notifytest.Flood(notify.Resolve, incident.ResolvedEvent), "acknowledged": notifytest.Flood(notify.Acknowledge, incident.AcknowledgedEvent),
	} {
		_, cef := said(t, syslog.Config{}, m)
		golden(t, name+".cef", cef+"\n")
		_, ecs := said(t, syslog.Config{Format: "ecs"}, m)
		var doc any
		if err := json.Unmarshal([]byte(ecs), &doc); err != nil {
			t.Fatal(err)
		}
		indented, _ := json.MarshalIndent(doc, "", "  ")
		golden(t, name+".ecs.json", string(indented)+"\n")
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (write it anew with -update): %s", name, diff)
	}
}

// TestHeader holds what stands before the text to RFC 5424, by another's parser.
func TestHeader(t *testing.T) {
	got, _ := said(t, syslog.Config{Facility: "local4", AppName: "tw"}, flood())
	if *got.Facility != 20 || *got.Severity != 2 || *got.Hostname != "sensor-1" || *got.Appname != "tw" || *got.MsgID != "trigger" ||
		got.Timestamp.Format("2006-01-02T15:04:05.000Z07:00") != "2026-11-26T10:21:30.250Z" {
		t.Errorf("got %+v", got)
	}
	want := map[string]string{
		"id": "inc-mzxw6ytboi4dkmjr/opened", "incident": "inc-mzxw6ytboi4dkmjr", "status": "trigger", "event": "opened", "severity": "critical", "state": "open",
		"category": "ddos_attack", "kind": "ddos", "vector": "syn_flood", "subject": "192.0.2.7",
	}
	if diff := cmp.Diff(want, (*got.StructuredData)["tidewatch@32473"]); diff != "" {
		t.Error(diff)
	}
	odd := flood()
	odd.Incident.Subject = `a]b"c\d`
	escaped, _ := said(t, syslog.Config{}, odd)
	if got := (*escaped.StructuredData)["tidewatch@32473"]["subject"]; got != `a\]b\"c\\d` && got != odd.Incident.Subject {
		t.Errorf("subject %q", got)
	}
	theft, _ := said(t, syslog.Config{}, notifytest.Theft())
	if s := theft.Timestamp.Format("2006-01-02T15:04:05Z07:00"); s != "2026-07-01T03:00:00+02:00" || *theft.Severity != 3 {
		t.Errorf("%s, severity %d", s, *theft.Severity)
	}
	over, _ := said(t, syslog.Config{}, notifytest.Flood(notify.Resolve, incident.ResolvedEvent))
	digest, _ := said(t, syslog.Config{}, notifytest.Digest())
	test, _ := said(t, syslog.Config{}, notifytest.Test())
	if *over.Severity != 5 || *digest.Severity != 5 || *test.Severity != 6 {
		t.Errorf("severities %d %d %d", *over.Severity, *digest.Severity, *test.Severity)
	}
}

// TestBounds holds a message in which strangers wrote what they like, and far too much,
// to its size: whole JSON, whole CEF, and a word about what was left out.
func TestBounds(t *testing.T) {
	long := notifytest.Hostile()
	i := long.Incident
	i.Assessment.By = strings.Repeat(`"\`, 300)
	for n := range i.Top.Sources {
		i.Top.Sources[n].Key = strings.Repeat("界", 200)
	}
	long.Link = "https://tidewatch.example.org/" + strings.Repeat("x", 400)
	wide := notifytest.Hostile()
	wide.Incident.Subject = strings.Repeat("界\"\\", 200)
	digest := notifytest.Digest()
	for range 200 {
		digest.Digest = append(digest.Digest, digest.Digest...)[:min(200, 2*len(digest.Digest))]
	}
	for name, m := range map[string]*notify.Message{"hostile": long, "wide": wide, "digest": digest} {
		for _, size := range []int{2048, 8192, 64_000} {
			for _, format := range []string{"cef", "ecs"} {
				got, text := said(t, syslog.Config{Format: format, MaxSize: size}, m)
				total := len(text) + len("<130>1 2026-11-26T10:21:30.25Z sensor-1 tidewatch - trigger [] ")
				for k, v := range (*got.StructuredData)["tidewatch@32473"] {
					total += len(k) + len(v) + len(` =""`) // without what was escaped
				}
				if total > size {
					t.Errorf("%s, %s: %d bytes, at most %d are allowed", name, format, total, size)
				}
				if strings.ContainsAny(text, "\r\n\x00\x1b") {
					t.Errorf("%s, %s: control characters in %q", name, format, text)
				}
				var left bool
				if format == "cef" {
					left = readCEF(t, text)["flexNumber1"] != ""
				} else {
					var doc struct {
						Message   string `json:"message"`
						Tidewatch struct {
							LeftOut []string `json:"left_out"`
						} `json:"tidewatch"`
					}
					if err := json.Unmarshal([]byte(text), &doc); err != nil || doc.Message == "" {
						t.Errorf("%s: %v in %s", name, err, text)
					}
					left = len(doc.Tidewatch.LeftOut) > 0
				}
				if size == 2048 && !left && len(text) > 1900 {
					t.Errorf("%s, %s: nothing says that fields were left out: %s", name, format, text)
				}
				if size == 64_000 && left {
					t.Errorf("%s, %s: fields were left out for no reason", name, format)
				}
			}
		}
	}
}

// readCEF reads CEF as its specification has it, and fails on what is not.
func readCEF(t *testing.T, text string) map[string]string {
	t.Helper()
	var fields []string
	var b strings.Builder
	rest := text
	for len(fields) < 7 && rest != "" {
		switch c := rest[0]; {
		case c == '\\' && len(rest) > 1 && (rest[1] == '|' || rest[1] == '\\'):
			b.WriteByte(rest[1])
			rest = rest[1:]
		case c == '|':
			fields = append(fields, b.String())
			b.Reset()
		default:
			b.WriteByte(c)
		}
		rest = rest[1:]
	}
	if len(fields) != 7 || fields[0] != "CEF:0" {
		t.Fatalf("no CEF: %q", text)
	}
	// A key is the word before an equal sign that is not escaped.
	out, key, value := map[string]string{}, "", ""
	flush := func() {
		if key != "" {
			if _, twice := out[key]; twice {
				t.Errorf("%s stands twice in %q", key, text)
			}
			out[key] = value
		}
	}
	for rest != "" {
		c := rest[0]
		rest = rest[1:]
		switch c {
		case '\\':
			if rest == "" || !strings.Contains(`\=nr`, rest[:1]) {
				t.Fatalf("a lone backslash in %q", text)
			}
			value += rest[:1]
			rest = rest[1:]
		case '=':
			at := strings.LastIndexByte(value, ' ')
			next := value[at+1:]
			value = value[:max(at, 0)]
			flush()
			key, value = next, ""
		default:
			value += string([]byte{c})
		}
	}
	flush()
	return out
}

func TestCEFEscapes(t *testing.T) {
	m := flood()
	m.Incident.Subject, m.Incident.Reason = `a=b\c|d`, `x=\`
	_, text := said(t, syslog.Config{}, m)
	if got := readCEF(t, text); got["cs1"] != `a=b\c|d` || got["reason"] != `x=\` || got["cs1Label"] != "subject" || got["dpt"] != "443" {
		t.Errorf("got %v of %s", got, text)
	}
}

func TestValidate(t *testing.T) {
	good := syslog.DefaultConfig()
	good.Address = "siem.example.org:6514"
	for name, change := range map[string]func(*syslog.Config){
		"":                         func(*syslog.Config) {},
		"address must be":          func(c *syslog.Config) { c.Address = "siem.example.org" },
		"address must end":         func(c *syslog.Config) { c.Address = "siem.example.org:syslog" },
		"protocol must":            func(c *syslog.Config) { c.Protocol = "http" },
		"format must":              func(c *syslog.Config) { c.Format = "leef" },
		"facility must":            func(c *syslog.Config) { c.Facility = "local8" },
		"hostname must":            func(c *syslog.Config) { c.Hostname = "a b" },
		"app_name must":            func(c *syslog.Config) { c.AppName = strings.Repeat("x", 49) },
		"are for the protocol tls": func(c *syslog.Config) { c.Protocol, c.CAFile = "udp", "ca.pem" },
		"belong together":          func(c *syslog.Config) { c.CertFile = "cert.pem" },
		"max_size must":            func(c *syslog.Config) { c.MaxSize = 100 },
	} {
		c := good
		change(&c)
		if err := c.Validate(); name == "" && err != nil || name != "" && (err == nil || !strings.Contains(err.Error(), name)) {
			t.Errorf("%q: %v", name, err)
		}
	}
}

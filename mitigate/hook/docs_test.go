// SPDX-License-Identifier: Apache-2.0

package hook

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tidewatch/decision"
	"tidewatch/outbound"
	"tidewatch/test/shareddata"
)

// stage has the scripts of docs/how-to/mitigate-with-hooks.md as files, and stand-ins
// for the systems behind them at the head of PATH.
type stage struct {
	home, bin, hooks string
}

func newStage(t *testing.T) *stage {
	t.Helper()
	root := t.TempDir()
	s := &stage{home: root, bin: filepath.Join(root, "bin"), hooks: filepath.Join(root, "hooks")}
	must(t, os.Mkdir(s.bin, 0o700), os.Mkdir(s.hooks, 0o700))
	page, err := os.ReadFile(filepath.Join(shareddata.Root(t), "docs", "how-to", "mitigate-with-hooks.md"))
	must(t, err)
	found := 0
	for _, m := range regexp.MustCompile("(?ms)^```(?:sh|python)\n(#!.*?)^```$").FindAllStringSubmatch(string(page), -1) {
		name := regexp.MustCompile(`(?m)^# /etc/tidewatch/hooks/([a-z.-]+): `).FindStringSubmatch(m[1])
		if name == nil {
			t.Fatalf("a script of the page does not say where it belongs:\n%.200s", m[1])
		}
		must(t, os.WriteFile(filepath.Join(s.hooks, name[1]), []byte(m[1]), 0o700))
		found++
	}
	if found != 5 {
		t.Fatalf("%d scripts on the page; each needs a test here", found)
	}
	t.Setenv("HOME", s.home)
	t.Setenv("PATH", s.bin+":"+os.Getenv("PATH")+":/usr/sbin:/sbin")
	return s
}

// tool makes a stand-in.
func (s *stage) tool(t *testing.T, name, text string) {
	t.Helper()
	must(t, os.WriteFile(filepath.Join(s.bin, name), []byte("#!/bin/sh\n"+text), 0o700))
}

// read takes what a stand-in noted.
func (s *stage) read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(s.home, name))
	if err != nil {
		return ""
	}
	must(t, os.Remove(filepath.Join(s.home, name)))
	return string(text)
}

func (s *stage) hook(t *testing.T, script string, args ...string) *Hook {
	t.Helper()
	h, err := New(&Config{Name: "fw", Actions: decision.Actions(), Script: &ScriptConfig{Command: append([]string{filepath.Join(s.hooks, script)}, args...)}}, Deps{})
	must(t, err)
	return h
}

// again returns the hook as it is after a restart, which remembers nothing.
func (h *Hook) again(t *testing.T) *Hook {
	t.Helper()
	n, err := New(&h.cfg, Deps{})
	must(t, err)
	return n
}

func later(d *decision.Decision) *decision.Decision {
	n := d.Clone()
	n.Until, n.Activated = d.Until.Add(time.Minute), d.Created
	return &n
}

func TestDocsFirewall(t *testing.T) {
	s := newStage(t)
	s.tool(t, "nft", `[ "$*" = "list tables" ] || cat >>"$HOME/nft"`)
	h := s.hook(t, "nft-block")
	ctx := t.Context()
	must(t, h.Test(ctx))
	if got := s.read(t, "nft"); got != "" {
		t.Errorf("a test does %s", got)
	}
	pair4, to6, from4 := theft(time.Now().Add(time.Minute)), theft(time.Now().Add(time.Minute)), theft(time.Now().Add(time.Minute))
	pair4.Match.Destination = netip.MustParsePrefix("203.0.113.5/32")
	to6.ID, to6.Match = "mit-6", decision.Match{Destination: netip.MustParsePrefix("2001:db8::5/128")}
	from4.ID, from4.Match = "mit-4", decision.Match{Source: pair4.Match.Source}
	for _, tc := range []struct {
		d    *decision.Decision
		want string
	}{{pair4, "pair4 { 10.0.20.7 . 203.0.113.5 "}, {to6, "to6 { 2001:db8::5 "}, {from4, "from4 { 10.0.20.7 "}} {
		must(t, h.Apply(ctx, tc.d))
		got := strings.ReplaceAll(s.read(t, "nft"), "timeout 59s", "timeout 60s") // a slow machine
		if !strings.HasSuffix(got, "add element inet tidewatch_hook "+tc.want+"timeout 60s }\n") {
			t.Errorf("apply: %s", got)
		}
		must(t, h.Withdraw(ctx, tc.d))
		if got := s.read(t, "nft"); !strings.HasSuffix(got, "delete element inet tidewatch_hook "+tc.want+"}\n") {
			t.Errorf("withdraw: %s", got)
		}
	}
	for id, m := range map[string]decision.Match{"mit-all": {}, "mit-net": {Source: netip.MustParsePrefix("10.0.20.0/24")}} {
		much := theft(time.Now().Add(time.Minute))
		much.ID, much.Match = id, m
		if err := h.Apply(ctx, much); !outbound.IsPermanent(err) || s.read(t, "nft") != "" {
			t.Errorf("a block of %v: %v", m, err)
		}
	}
}

// The real nft takes what the script says, as often as it likes.
func TestDocsFirewallReally(t *testing.T) {
	s := newStage(t)
	inside := func(command string) (string, error) {
		out, err := exec.CommandContext(t.Context(), "unshare", "-rn", "sh", "-euc", command).CombinedOutput()
		return string(out), err
	}
	if out, err := inside("nft list ruleset"); err != nil {
		t.Logf("no network namespace to try it in: %v: %s", err, out)
		return
	}
	out, err := inside(`nft add table inet theirs
act=` + filepath.Join(s.hooks, "nft-block") + `
export TIDEWATCH_SECONDS=60
four() { TIDEWATCH_SOURCE=10.0.20.7 TIDEWATCH_DESTINATION=203.0.113.5 "$act" "$1" mit-4; }
six() { TIDEWATCH_DESTINATION=2001:db8::5 "$act" "$1" mit-6; }
from() { TIDEWATCH_SOURCE=10.0.20.7 "$act" "$1" mit-from; }
four apply; four apply; four renew; six renew; from apply
nft list table inet tidewatch_hook
echo ==
four withdraw; four withdraw; six withdraw
nft list table inet tidewatch_hook
nft list table inet theirs >/dev/null
`)
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	before, after, _ := strings.Cut(out, "==\n")
	for _, there := range []string{"10.0.20.7 . 203.0.113.5 timeout 1m", "{ 2001:db8::5 timeout 1m", "{ 10.0.20.7 timeout 1m"} {
		if strings.Count(before, there) != 1 {
			t.Errorf("%s is not in force: %s", there, before)
		}
	}
	if strings.Count(after, "timeout 1m") != 1 || !strings.Contains(after, "{ 10.0.20.7 timeout 1m") || strings.Count(before, "drop") != 6 || strings.Count(after, "drop") != 6 {
		t.Errorf("taken back: %s", after)
	}
}

func TestDocsQuarantine(t *testing.T) {
	s := newStage(t)
	s.tool(t, "radclient", `{ echo "$*"; cat; } >>"$HOME/radclient"
cat "$HOME/answer"
case $(cat "$HOME/answer") in *-ACK*) ;; *) echo "(0) -: Expected CoA-ACK or Disconnect-ACK" >&2; exit 1 ;; esac
`)
	secret := filepath.Join(s.home, "radius.secret")
	must(t, os.WriteFile(secret, []byte("CANARY"), 0o600))
	h := s.hook(t, "nac-quarantine", "192.0.2.10:3799", secret)
	ctx := t.Context()
	must(t, h.Test(ctx))
	device := theft(time.Now().Add(time.Minute))
	device.Action = decision.Quarantine
	device6 := *device
	device6.ID, device6.Target = "mit-6", netip.MustParsePrefix("2001:db8::7/128")
	network := *device
	network.ID, network.Target = "mit-net", netip.MustParsePrefix("10.0.20.0/24")
	for _, tc := range []struct {
		answer    string
		do        func(context.Context, *decision.Decision) error
		d         *decision.Decision
		want, err string
		permanent bool
	}{
		{"Received Access-Reject", h.Apply, device, "coa\nFramed-IP-Address = 10.0.20.7, Filter-Id = \"quarantine\"\n", "no answer", false},
		{"Received CoA-NAK Id 5", h.Apply, device, "coa\nFramed-IP-Address = 10.0.20.7, Filter-Id = \"quarantine\"\n", "not connected", false},
		{"Received CoA-ACK Id 6", h.Apply, device, "coa\nFramed-IP-Address = 10.0.20.7, Filter-Id = \"quarantine\"\n", "", false},
		{"Received Disconnect-ACK Id 7", h.Withdraw, device, "disconnect\nFramed-IP-Address = 10.0.20.7\n", "", false},
		{"Received CoA-ACK Id 8", h.Apply, &device6, "coa\nFramed-IPv6-Address = 2001:db8::7, Filter-Id = \"quarantine\"\n", "", false},
		{"Received Disconnect-NAK Id 9", h.Withdraw, &device6, "disconnect\nFramed-IPv6-Address = 2001:db8::7\n", "", false},
		{"", h.Apply, &network, "", "one device at a time", true},
	} {
		must(t, os.WriteFile(filepath.Join(s.home, "answer"), []byte(tc.answer), 0o600))
		err := tc.do(ctx, tc.d)
		if (err == nil) != (tc.err == "") || err != nil && !strings.Contains(err.Error(), tc.err) || outbound.IsPermanent(err) != tc.permanent {
			t.Errorf("%s: %v", tc.answer, err)
		}
		want := tc.want
		if want != "" {
			want = "-r 2 -t 2 -S " + secret + " 192.0.2.10:3799 " + want
		}
		if diff := cmp.Diff(want, s.read(t, "radclient")); diff != "" {
			t.Errorf("%s:\n%s", tc.answer, diff)
		}
	}
}

// service notes what an API is asked.
type service struct {
	mu    sync.Mutex
	asked []string
	fail  int
}

func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body) // compared below
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, r.Method+" "+r.URL.Path+" "+r.Header.Get("Authorization")+" "+string(body))
	if s.fail > 0 {
		w.WriteHeader(s.fail)
	}
}

func (s *service) take(fail int) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := s.asked
	s.asked, s.fail = nil, fail
	return out
}

func TestDocsNACByAPI(t *testing.T) {
	s := newStage(t)
	var nac service
	srv := httptest.NewServer(&nac)
	defer srv.Close()
	token := filepath.Join(s.home, "token")
	must(t, os.WriteFile(token, []byte("Authorization: Bearer CANARY\n"), 0o600))
	h := s.hook(t, "nac-api", srv.URL, token)
	ctx := t.Context()
	d := theft(time.Now().Add(time.Minute))
	d.Action = decision.Quarantine
	must(t, h.Test(ctx), h.Apply(ctx, d), h.Withdraw(ctx, d))
	until := d.Until.UTC().Format(time.RFC3339)
	if diff := cmp.Diff([]string{
		"GET /quarantine Bearer CANARY ",
		"PUT /quarantine/" + d.ID + ` Bearer CANARY {"address":"10.0.20.7","until":"` + until + `"}`,
		"DELETE /quarantine/" + d.ID + " Bearer CANARY ",
	}, nac.take(503)); diff != "" {
		t.Error(diff)
	}
	if err := h.Test(ctx); err == nil || !strings.Contains(err.Error(), "503") || strings.Contains(err.Error(), "CANARY") {
		t.Errorf("a refusal: %v", err)
	}
}

func TestDocsAccount(t *testing.T) {
	s := newStage(t)
	dir := filepath.Join(s.home, "accounts")
	must(t, os.MkdirAll(filepath.Join(dir, "disabled"), 0o700))
	page, err := os.ReadFile(filepath.Join(shareddata.Root(t), "docs", "how-to", "mitigate-with-hooks.md"))
	must(t, err)
	owners := regexp.MustCompile("(?ms)^```\n(# /etc/tidewatch/accounts/owners\n.*?)^```$").FindStringSubmatch(string(page))[1]
	must(t, os.WriteFile(filepath.Join(dir, "owners"), []byte(owners), 0o600), os.WriteFile(filepath.Join(dir, "bind-dn"), []byte("CN=tidewatch\n"), 0o600))
	s.tool(t, "ldapsearch", `[ ! -e "$HOME/down" ] || { echo "cannot connect" >&2; exit 255; }
echo "search $*" >>"$HOME/calls"
printf 'dn: x\nuserAccountControl: %s\n\n' "$(cat "$HOME/flags")"
`)
	s.tool(t, "ldapmodify", `[ ! -e "$HOME/busy" ] || { rm "$HOME/busy"; echo "server is busy" >&2; exit 51; }
echo "modify $*" >>"$HOME/calls"
old= new=
while read -r name value; do
	case $name in
	dn:) echo "dn $value" >>"$HOME/calls" ;;
	userAccountControl:) if [ -z "$old" ]; then old=$value; else new=$value; fi ;;
	esac
done
[ "$(cat "$HOME/flags")" = "$old" ] || exit 16
printf %s "$new" >"$HOME/flags"
`)
	set := func(v string) { must(t, os.WriteFile(filepath.Join(s.home, "flags"), []byte(v), 0o600)) }
	flags := func() string {
		v, err := os.ReadFile(filepath.Join(s.home, "flags"))
		must(t, err)
		return string(v)
	}
	h := s.hook(t, "disable-account", "ldaps://dc1.example.org", dir)
	ctx := t.Context()
	d := theft(time.Now().Add(time.Minute))
	d.Action = decision.Hook
	set("66048") // a normal account whose password does not expire
	must(t, h.Test(ctx), os.WriteFile(filepath.Join(s.home, "busy"), nil, 0o600))
	if err := h.Apply(ctx, d); err == nil || outbound.IsPermanent(err) || flags() != "66048" {
		t.Errorf("a busy directory: %v", err)
	}
	must(t, h.Apply(ctx, d))
	if calls := s.read(t, "calls"); flags() != "66050" || !strings.Contains(calls, "dn CN=Anna Muster,OU=Staff,DC=example,DC=org\n") ||
		!strings.Contains(calls, "modify -x -H ldaps://dc1.example.org -D CN=tidewatch -y "+dir+"/bind-password\n") {
		t.Errorf("disabled: %s\n%s", flags(), calls)
	}
	must(t, h.Apply(ctx, later(d)), h.again(t).Apply(ctx, later(d)))
	if calls := s.read(t, "calls"); strings.Contains(calls, "modify") {
		t.Errorf("once is enough: %s", calls)
	}
	// The directory is away when the decision ends, and comes back.
	must(t, os.WriteFile(filepath.Join(s.home, "down"), nil, 0o600))
	another := d.Clone()
	another.ID = "mit-another"
	for _, err := range []error{h.Withdraw(ctx, d), h.Apply(ctx, &another)} {
		if err == nil || outbound.IsPermanent(err) || !strings.Contains(err.Error(), "cannot connect") {
			t.Errorf("a directory that is away: %v", err)
		}
	}
	must(t, os.Remove(filepath.Join(s.home, "down")), h.again(t).Withdraw(ctx, d), h.again(t).Withdraw(ctx, d))
	if flags() != "66048" {
		t.Errorf("enabled again: %s", flags())
	}
	// Who was disabled before stays so.
	set("514")
	other := d.Clone()
	other.ID, other.Target = "mit-other", netip.MustParsePrefix("2001:db8:20::7/128")
	must(t, h.Apply(ctx, &other), h.Withdraw(ctx, &other))
	if flags() != "514" {
		t.Errorf("an account of somebody else's disabling: %s", flags())
	}
	nobody := d.Clone()
	nobody.ID, nobody.Target = "mit-nobody", netip.MustParsePrefix("10.0.20.8/32")
	if err := h.Apply(ctx, &nobody); !outbound.IsPermanent(err) || !strings.Contains(err.Error(), "nobody is known as the owner of 10.0.20.8") {
		t.Errorf("a device of nobody: %v", err)
	}
	must(t, h.Withdraw(ctx, &nobody))
}

func TestDocsScrubbing(t *testing.T) {
	s := newStage(t)
	var provider service
	srv := httptest.NewServer(&provider)
	defer srv.Close()
	secret, token := filepath.Join(s.home, "secret"), filepath.Join(s.home, "token")
	must(t, os.WriteFile(secret, []byte(key+"\n"), 0o600), os.WriteFile(token, []byte("CANARY\n"), 0o600))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	address := l.Addr().String()
	_, port, _ := net.SplitHostPort(address)
	must(t, l.Close())
	ctx, cancel := context.WithCancel(t.Context())
	program := exec.CommandContext(ctx, filepath.Join(s.hooks, "scrubbing.py"), port, secret, srv.URL, token)
	must(t, program.Start())
	defer func() {
		cancel()
		_ = program.Wait() // it was killed
	}()
	h := func(secret string) *Hook {
		h, err := New(&Config{Name: "scrubbing", Actions: []decision.Action{decision.Divert}, Webhook: &outbound.WebhookConfig{URL: "http://" + address + "/", Secret: secret}}, Deps{})
		must(t, err)
		t.Cleanup(func() { _ = h.Close() })
		return h
	}
	scrub := h(key)
	for range 500 { // until it listens
		if err = scrub.Test(ctx); err == nil {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	must(t, err)
	if err := h("whsec_" + strings.Repeat("QUFB", 10)).Test(ctx); !outbound.IsPermanent(err) || !strings.Contains(err.Error(), "401") {
		t.Errorf("a stranger: %v", err)
	}
	d6, d4 := flood(time.Now().Add(time.Hour)), flood(time.Now().Add(time.Hour))
	d4.ID, d4.Target = "mit-4", netip.MustParsePrefix("192.0.2.7/32")
	for _, d := range []*decision.Decision{d6, d4} {
		d.Via = "scrubbing"
		must(t, scrub.Apply(ctx, d))
	}
	wish := func(prefix string, d *decision.Decision) string {
		until, err := json.Marshal(d.Until)
		must(t, err)
		return "PUT /v1/protections/" + d.ID + ` Bearer CANARY {"prefix": "` + prefix + `", "until": ` + string(until) + `}`
	}
	if diff := cmp.Diff([]string{wish("2001:db8:5::/48", d6), wish("192.0.2.0/24", d4)}, provider.take(503)); diff != "" {
		t.Error(diff)
	}
	renewed := later(d6)
	renewed.Updated = d6.Updated.Add(time.Second)
	if err := scrub.Apply(ctx, renewed); err == nil || outbound.IsPermanent(err) || !strings.Contains(err.Error(), "502") {
		t.Errorf("a provider in trouble: %v", err)
	}
	provider.take(400)
	if err := scrub.Apply(ctx, renewed); !outbound.IsPermanent(err) {
		t.Errorf("a provider that will not: %v", err)
	}
	provider.take(404)
	must(t, scrub.Withdraw(ctx, renewed)) // it is over there already
	provider.take(0)
	must(t, h(key).Apply(ctx, d6)) // comes late, from before the renewal
	if got := provider.take(0); len(got) != 0 {
		t.Errorf("a late call diverts again: %v", got)
	}
}

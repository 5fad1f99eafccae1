// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Somebody who leaves the overview open sees traffic as it comes, and an attack when it is
// found. What he wrote himself stays text, and so does a name from outside.
func TestBrowserLive(t *testing.T) {
	bin := program(t)
	leases := filepath.Join(t.TempDir(), "leases.csv")
	named := "address,name,from,to\n10.20.0.10,\"" + strings.ReplaceAll(hostile, `"`, `""`) + "\",2020-01-01T00:00:00Z,2100-01-01T00:00:00Z\n"
	if err := os.WriteFile(leases, []byte(named), 0o600); err != nil {
		t.Fatal(err)
	}
	server := startServer(t, plainConfig(t, "identity: {leases: "+leases+"}\n"))
	staff(t, server.api, serverToken)
	b := openBrowser(t, server.api)
	b.open("")
	b.signIn("olga")
	b.says("No flows yet")
	b.do("mark", setMark)

	simulate := exec.Command(bin, "simulate", "syn-flood", "--target", server.flows, "--attack-at", "8s", "--attack-for", "30s", "--quiet")
	simulate.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := simulate.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = simulate.Process.Kill()
		_ = simulate.Wait()
	})
	const rates = `document.querySelector('[data-testid=rates]')?.innerText ?? ''`
	b.until("rates appear", rates+` !== ''`, patience)
	for range 3 {
		was := look[string](b, rates)
		b.until("the rates change from "+was, fmt.Sprintf("%s !== %q", rates, was), patience)
	}
	const attack = `[...document.querySelectorAll('tr.link a')].some((a) => a.innerText === 'SYN flood')`
	b.until("the attack is in the list", attack, time.Minute)
	b.says("live")
	if !look[bool](b, "window.marked === true") {
		t.Error("the page was loaded anew")
	}
	b.clean("overview")

	b.do("open the incident", clickText("tr.link a", "SYN flood"))
	b.says("Observed against expected")
	b.click("[data-testid=comment]")
	b.fill("dialog[open] input", hostile)
	b.click("dialog[open] [data-testid=confirm]")
	b.says(hostile)
	b.click("[data-testid=acknowledge]")
	b.says("Acknowledged: you look after it")
	for _, page := range pages {
		b.open(page)
		b.until("nothing loads", `!document.querySelector('main').innerText.includes('Loading')`, patience)
		b.harmless(page)
		b.clean(page)
	}
	for _, page := range []string{"devices", "devices/10.20.0.10"} { // by the file of names
		b.open(page)
		b.says(hostile)
		b.harmless(page)
		b.clean(page)
	}
}

// plainConfig writes what a server of its own needs, and more.
func plainConfig(t *testing.T, more string) string {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "config.yaml")
	text := fmt.Sprintf("data_dir: %s/data\ntimezone: UTC\ncollect: {listen: [\"127.0.0.1:0\"]}\napi: {listen: \"127.0.0.1:0\", token: %s}\nnetworks: {internal: [203.0.113.0/24, 10.0.0.0/8]}\n%s", dir, serverToken, more)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

const password = "correct horse battery"

// requireDashboard ends the test when the server was built without one.
func requireDashboard(t *testing.T, server string) {
	t.Helper()
	res, err := http.Get(server + "/")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	page, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(page), `<script type="module"`) {
		t.Fatalf("this server has no dashboard: build it first with `make web`, which needs npm; it serves:\n%s", page)
	}
}

// staff makes an account of each role: ada, olga and victor.
func staff(t *testing.T, server, token string) {
	t.Helper()
	addUser(t, server, token, "ada", "admin") // the first must be
	addUser(t, server, token, "olga", "operator")
	addUser(t, server, token, "victor", "viewer")
}

// addUser makes an account as the administrator's token may.
func addUser(t *testing.T, server, token, name, role string) {
	t.Helper()
	body, err := json.Marshal(map[string]string{"name": name, "role": role, "password": password})
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequest(http.MethodPost, server+"/api/v1/users", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if text, _ := io.ReadAll(res.Body); res.StatusCode != http.StatusCreated {
		t.Fatalf("add %s: %s: %s", name, res.Status, text)
	}
}

// signIn fills in the form of the door.
func (b *browser) signIn(name string) {
	b.Helper()
	b.fill("input[autocomplete=username]", name)
	b.fill("input[type=password]", password)
	b.click("form button.main")
	b.do("come in", chromedp.WaitVisible(chromedp.CSS(".who")))
	b.says(name)
}

var setUpLink = regexp.MustCompile(`http://127\.0\.0\.1:\d+/#/(setup\?key=[\w-]+)`)

// Who installs it opens the link that serve prints, becomes the administrator, and comes
// in by password from then on. The link works once.
func TestBrowserDoor(t *testing.T) {
	server := startServer(t, plainConfig(t, ""))
	var link []string
	until(t, patience, func() bool {
		link = setUpLink.FindStringSubmatch(server.said())
		return link != nil
	}, func() string { return "no link for setting up is printed:\n" + server.said() })
	b := openBrowser(t, server.api)
	b.open(link[1])
	b.says("This makes the first account")
	b.fill("input[autocomplete=username]", "ada")
	b.fill("label:nth-of-type(2) input", password)
	b.fill("label:nth-of-type(3) input", "something else")
	b.click("form button.main")
	b.says("The two passwords differ.")
	b.do("clear", chromedp.Evaluate[chromedp.Void](`for (const e of [document.querySelector('label:nth-of-type(3) input')]) {
		e.value = ''
		e.dispatchEvent(new Event('input', {bubbles: true}))
	}`))
	b.fill("label:nth-of-type(3) input", password)
	b.click("form button.main")
	b.do("come in", chromedp.WaitVisible(chromedp.CSS(".who")))
	b.says("admin")
	b.do("sign out", clickText("button", "Sign out"))
	b.says("Sign in to go on.")
	b.signIn("ada")
	b.clean("door")
	refuses(b)
	b.open(link[1])
	b.says("this link is used up")
	b.clean("used link")

	if strings.Contains(look[string](b, "document.cookie"), "tidewatch") {
		t.Error("a script can read the cookie of the session")
	}
	status, err := server.try("/api/v1/setup", map[string]string{"key": link[1][len("setup?key="):], "name": "eve", "password": password}, nil)
	if status != http.StatusForbidden {
		t.Errorf("the link works again: %d, %v", status, err)
	}
}

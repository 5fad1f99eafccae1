// SPDX-License-Identifier: Apache-2.0

package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"tidewatch/account"
	"tidewatch/store"
)

const passphrase = "a horse eats no cucumber"

// keeper has the accounts ada (admin), otto (operator) and vera (viewer) on a disk.
func keeper(t *testing.T, clock func() time.Time) (*account.Keeper, *store.Store) {
	t.Helper()
	cfg := store.DefaultConfig()
	cfg.Dir = t.TempDir()
	s, err := store.New(&cfg)
	if err == nil {
		err = s.Open(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	k, err := account.New(account.DefaultConfig(), s.Accounts(), clock)
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range []struct {
		name string
		role account.Role
	}{{"ada", account.Admin}, {"otto", account.Operator}, {"vera", account.Viewer}} {
		if _, err := k.AddUser(t.Context(), "test", u.name, u.role, passphrase); err != nil {
			t.Fatal(err)
		}
	}
	return k, s
}

type browser struct {
	t       *testing.T
	s       *Server
	cookie  *http.Cookie
	csrf    string
	from    string
	headers map[string]string
}

func (b *browser) do(method, path, body string) (*httptest.ResponseRecorder, map[string]any) {
	b.t.Helper()
	r := httptest.NewRequestWithContext(b.t.Context(), method, path, strings.NewReader(body))
	r.Host, r.RemoteAddr = "127.0.0.1:8080", b.from
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if b.cookie != nil {
		r.AddCookie(b.cookie)
	}
	if b.csrf != "" {
		r.Header.Set("X-CSRF-Token", b.csrf)
	}
	for name, value := range b.headers {
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	b.s.Handler().ServeHTTP(w, r)
	var out map[string]any
	_ = json.Unmarshal(w.Body.Bytes(), &out)
	return w, out
}

// roleOf is whose role an answer about a session tells.
func roleOf(out map[string]any) any {
	user, _ := out["user"].(map[string]any)
	return user["role"]
}

func visitor(t *testing.T, s *Server) *browser {
	t.Helper()
	return &browser{t: t, s: s, from: "127.0.0.1:40000"}
}

func signIn(t *testing.T, s *Server, name string) *browser {
	t.Helper()
	b := visitor(t, s)
	b.enter(name, passphrase)
	return b
}

func (b *browser) enter(name, password string) {
	b.t.Helper()
	w, out := b.do("POST", "/api/v1/session", fmt.Sprintf(`{"name":%q,"password":%q}`, name, password))
	if w.Code != 200 {
		b.t.Fatalf("%s cannot sign in: %d %v", name, w.Code, out)
	}
	b.take(w, out)
}

func (b *browser) take(w *httptest.ResponseRecorder, out map[string]any) {
	b.t.Helper()
	cookies := w.Result().Cookies()
	if len(cookies) != 1 {
		b.t.Fatalf("cookies %v", cookies)
	}
	b.cookie = cookies[0]
	b.csrf, _ = out["csrf"].(string)
}

func withAccounts(t *testing.T, clock func() time.Time) (*Server, *account.Keeper, *store.Store) {
	t.Helper()
	k, db := keeper(t, clock)
	return server(t, func(_ *Config, d *Deps) { d.Accounts, d.Clock, d.Metrics = k, clock, http.NotFoundHandler() }), k, db
}

// TestWhoMayWhat walks every route with every kind of caller.
func TestWhoMayWhat(t *testing.T) {
	s, k, _ := withAccounts(t, time.Now)
	bearer := func(secret string) *browser {
		b := visitor(t, s)
		b.headers = map[string]string{"Authorization": "Bearer " + secret}
		return b
	}
	made := func(scope account.Scope) *browser {
		secret, _, err := k.AddToken(t.Context(), "test", &account.Wish{Name: "x", Scope: scope, Owner: "ada", Level: account.Administer})
		if err != nil {
			t.Fatal(err)
		}
		return bearer(secret)
	}
	callers := map[string]func() *browser{
		"nobody": func() *browser { return visitor(t, s) }, "viewer": func() *browser { return signIn(t, s, "vera") },
		"operator": func() *browser { return signIn(t, s, "otto") }, "admin": func() *browser { return signIn(t, s, "ada") },
		"token read": func() *browser { return made(account.ScopeRead) }, "token write": func() *browser { return made(account.ScopeWrite) },
		"token admin": func() *browser { return made(account.ScopeAdmin) }, "administrator's token": func() *browser { return bearer(token) },
	}
	everybody := "nobody,viewer,operator,admin,token read,token write,token admin,administrator's token"
	may := map[need]string{
		public: everybody, open: everybody,
		local:       everybody, // the test asks from the machine itself
		reads:       strings.TrimPrefix(everybody, "nobody,"),
		decides:     "operator,admin,token write,token admin,administrator's token",
		administers: "admin,token admin,administrator's token",
		manages:     "viewer,operator,admin,token admin,administrator's token",
	}
	table := access()
	for who, enter := range callers {
		b := enter()
		for _, route := range everyRoute(t, s) {
			need, ok := table[route]
			if !ok {
				t.Fatalf("%s has no row in access()", route)
			}
			method, path, _ := strings.Cut(route, " ")
			if route == "DELETE /api/v1/session" || strings.HasPrefix(path, "/api/v1/session/") && need == public {
				continue // they change who it is
			}
			path = strings.NewReplacer("{id}", "no-such", "{name}", "no-such", "{address}", "2001:db8::1").Replace(path)
			w, out := b.do(method, path, "")
			refused := w.Code == 401 && out["detail"] == "sign in, or send a bearer token" ||
				w.Code == 403 && strings.HasPrefix(fmt.Sprint(out["detail"]), "your role")
			if allowed := slices.Contains(strings.Split(may[need], ","), who); allowed == refused {
				t.Errorf("%s of %s: %d %v", route, who, w.Code, out)
			}
		}
	}
}

func TestSession(t *testing.T) {
	now := time.Now()
	s, _, db := withAccounts(t, func() time.Time { return now })
	b := visitor(t, s)
	w, out := b.do("GET", "/api/v1/session", "")
	if w.Code != 200 || out["set_up"] != true || out["user"] != nil || out["csrf"] != nil {
		t.Errorf("nobody: %d %v", w.Code, out)
	}
	b.enter("Ada", passphrase)
	c := b.cookie
	if !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Secure || c.Path != "/" || c.Domain != "" || len(c.Value) < 43 {
		t.Errorf("cookie %+v", c)
	}
	if w, out = b.do("GET", "/api/v1/session", ""); out["csrf"] != b.csrf || roleOf(out) != "admin" {
		t.Errorf("signed in: %d %v", w.Code, out)
	}

	// Signing in again takes no session over, and ends the one before.
	before := *b
	b.enter("ada", passphrase)
	if b.cookie.Value == before.cookie.Value {
		t.Error("a session is taken over by whoever signs in")
	}
	if w, _ := before.do("GET", "/api/v1/users", ""); w.Code != 401 {
		t.Errorf("the session before: %d", w.Code)
	}
	fixed := visitor(t, s)
	fixed.cookie = &http.Cookie{Name: cookieOf("127.0.0.1:8080"), Value: strings.Repeat("x", 43)}
	fixed.enter("ada", passphrase)
	if fixed.cookie.Value == strings.Repeat("x", 43) {
		t.Error("a session that somebody else chose is taken")
	}

	// Whatever changes something needs the proof that a page of ours asks.
	for name, tc := range map[string]struct {
		csrf    string
		headers map[string]string
		want    int
	}{
		"no header":             {"", nil, 403},
		"a wrong header":        {"x" + b.csrf[1:], nil, 403},
		"that of another":       {fixed.csrf, nil, 403},
		"ours":                  {b.csrf, map[string]string{"Sec-Fetch-Site": "same-origin", "Origin": "http://127.0.0.1:8080"}, 200},
		"another site's page":   {b.csrf, map[string]string{"Origin": "http://attacker.example"}, 403},
		"another port's page":   {b.csrf, map[string]string{"Sec-Fetch-Site": "same-site"}, 403},
		"another site, no name": {b.csrf, map[string]string{"Sec-Fetch-Site": "cross-site"}, 403},
	} {
		page := *b
		page.csrf, page.headers = tc.csrf, tc.headers
		if w, out := page.do("POST", theIncident+"/comment", `{"note":"seen","by":"somebody else"}`); w.Code != tc.want {
			t.Errorf("%s: %d %v", name, w.Code, out)
		}
	}
	page := *b
	page.headers = map[string]string{"Sec-Fetch-Site": "cross-site"}
	if w, _ := page.do("GET", "/api/v1/users", ""); w.Code != 403 {
		t.Errorf("another site reads: %d", w.Code)
	}

	// It ends when nobody uses it, and at the latest after its life.
	now = now.Add(13 * time.Hour)
	if w, _ := b.do("GET", "/api/v1/users", ""); w.Code != 401 {
		t.Errorf("idle: %d", w.Code)
	}
	b.enter("ada", passphrase)
	for range 16 {
		if w, _ := b.do("GET", "/api/v1/users", ""); w.Code != 200 {
			t.Fatalf("in use: %d", w.Code)
		}
		now = now.Add(10 * time.Hour)
	}
	now = now.Add(9 * time.Hour)
	if w, _ := b.do("GET", "/api/v1/users", ""); w.Code != 401 {
		t.Errorf("after a week: %d", w.Code)
	}

	b.enter("ada", passphrase)
	out2 := *b
	if w, _ := b.do("DELETE", "/api/v1/session", ""); w.Code != 204 || w.Result().Cookies()[0].MaxAge >= 0 {
		t.Errorf("signing out: %d", w.Code)
	}
	if w, _ := out2.do("GET", "/api/v1/users", ""); w.Code != 401 {
		t.Errorf("after signing out: %d", w.Code)
	}
	lines, err := db.Audits(t.Context(), 0, 100)
	if err != nil || lines[0].What != "session.logout" || lines[1].What != "session.login" || lines[1].Who != "ada" {
		t.Errorf("audit %+v %v", lines, err)
	}
}

// TestByIsTheAccount: nobody decides in another's name.
func TestByIsTheAccount(t *testing.T) {
	k, _ := keeper(t, time.Now)
	d := &desk{store: saved(t, 1)}
	s := server(t, func(_ *Config, deps *Deps) { deps.Accounts, deps.Desk = k, d })
	b := signIn(t, s, "otto")
	if w, out := b.do("POST", theIncident+"/comment", `{"note":"seen","by":"ada"}`); w.Code != 200 {
		t.Fatalf("%d %v", w.Code, out)
	}
	if len(d.said) != 1 || d.said[0].By != "otto" {
		t.Errorf("said %+v", d.said)
	}
}

// TestNamesThatDoNotPrint: what the audit log shows of who it was cannot move a cursor.
func TestNamesThatDoNotPrint(t *testing.T) {
	s, k, _ := withAccounts(t, time.Now)
	const strange = `\u001b[2Jada`
	query := "?by=" + url.QueryEscape("\x1b[2Jada")
	for _, tc := range []struct{ method, path, body string }{
		{"POST", "users", `{"name":"eve","role":"viewer","password":"` + passphrase + `","by":"` + strange + `"}`},
		{"PATCH", "users/vera", `{"disabled":true,"by":"` + strange + `"}`},
		{"DELETE", "users/vera" + query, ""},
		{"POST", "tokens", `{"name":"graphs","scope":"read","by":"` + strange + `"}`},
		{"DELETE", "tokens/t-1" + query, ""},
	} {
		b := visitor(t, s)
		b.headers = map[string]string{"Authorization": "Bearer " + token}
		if w, out := b.do(tc.method, "/api/v1/"+tc.path, tc.body); w.Code != 422 || !strings.Contains(fmt.Sprint(out["detail"]), "do not print") {
			t.Errorf("%s %s: %d %v", tc.method, tc.path, w.Code, out)
		}
	}
	if users, err := k.Users(t.Context()); err != nil || len(users) != 3 {
		t.Errorf("accounts %v, %v", users, err)
	}
}

// TestStrangersLearnNothing: the same answer for a wrong password, a name that is not
// there, and an account that is disabled.
func TestStrangersLearnNothing(t *testing.T) {
	s, k, db := withAccounts(t, time.Now)
	off := true
	if _, err := k.ChangeUser(t.Context(), "test", "vera", &account.Edit{Disabled: &off}); err != nil {
		t.Fatal(err)
	}
	b := visitor(t, s)
	var first string
	for _, body := range []string{
		`{"name":"otto","password":"wrong wrong wrong"}`, `{"name":"nobody","password":"wrong wrong wrong"}`,
		`{"name":"vera","password":"` + passphrase + `"}`, `{"name":"","password":""}`, `{"name":"a b","password":"` + strings.Repeat("x", 1000) + `"}`,
	} {
		w, _ := b.do("POST", "/api/v1/session", body)
		if first == "" {
			first = w.Body.String()
		}
		if w.Code != 401 || w.Body.String() != first || len(w.Result().Cookies()) != 0 {
			t.Errorf("%s: %d %s", body, w.Code, w.Body)
		}
	}
	lines, err := db.Audits(t.Context(), 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for i := range lines {
		if lines[i].What == "session.failed" {
			n++
		}
	}
	if n != 1 {
		t.Errorf("%d lines of the audit for five failures in a second", n)
	}
}

// TestGuessingPasswords: one place waits, others do not; the owner of the name, who was
// there before, does not feel strangers from everywhere.
func TestGuessingPasswords(t *testing.T) {
	now := time.Now()
	s, _, _ := withAccounts(t, func() time.Time { return now })
	owner := signIn(t, s, "otto")
	try := func(from, name, password string) int {
		b := visitor(t, s)
		b.from = from
		w, _ := b.do("POST", "/api/v1/session", fmt.Sprintf(`{"name":%q,"password":%q}`, name, password))
		if (w.Header().Get("Retry-After") != "") != (w.Code == 429) {
			t.Errorf("%d with Retry-After %q", w.Code, w.Header().Get("Retry-After"))
		}
		return w.Code
	}
	for i := range 10 {
		if got := try("192.0.2.1:5", "otto", "wrong"); got != 401 {
			t.Fatalf("attempt %d: %d", i, got)
		}
	}
	if got := try("192.0.2.1:5", "ada", passphrase); got != 429 {
		t.Errorf("the place goes on: %d", got)
	}
	if got := try("192.0.2.2:5", "ada", passphrase); got != 200 {
		t.Errorf("another place: %d", got)
	}
	for i := range 20 {
		try(fmt.Sprintf("198.51.100.%d:5", i), "otto", "wrong")
	}
	if got := try("203.0.113.1:5", "otto", passphrase); got != 429 {
		t.Errorf("a name that is guessed from everywhere: %d", got)
	}
	owner.enter("otto", passphrase)
	now = now.Add(time.Minute)
	if got := try("203.0.113.1:5", "otto", passphrase); got != 200 {
		t.Errorf("a minute later: %d", got)
	}
}

func TestSetUp(t *testing.T) {
	cfg := store.DefaultConfig()
	cfg.Dir = t.TempDir()
	db, _ := store.New(&cfg)
	if err := db.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	now := time.Now()
	k, _ := account.New(account.DefaultConfig(), db.Accounts(), func() time.Time { return now })
	s := server(t, func(_ *Config, d *Deps) { d.Accounts = k })
	old, err := k.SetupKey(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	key, _ := k.SetupKey(t.Context())
	b := visitor(t, s)
	if w, _ := b.do("GET", "/api/v1/summary", ""); w.Code != 200 {
		t.Errorf("reading here before a user exists: %d", w.Code)
	}
	set := func(key, name, password string) int {
		w, out := b.do("POST", "/api/v1/setup", fmt.Sprintf(`{"key":%q,"name":%q,"password":%q}`, key, name, password))
		if w.Code == 200 {
			b.take(w, out)
		}
		return w.Code
	}
	for i, tc := range []struct {
		key, name, password string
		want                int
	}{
		{old, "ada", passphrase, 403},
		{"", "ada", passphrase, 403},
		{key[:20], "ada", passphrase, 403},
		{key, "ada", "short", 422},
		{key, "administrator", passphrase, 422},
		{key, "a b", passphrase, 422},
		{key, "ada", passphrase, 200},
		{key, "eve", passphrase, 403},
	} {
		if got := set(tc.key, tc.name, tc.password); got != tc.want {
			t.Errorf("%d: %d, want %d", i, got, tc.want)
		}
	}
	if w, _ := b.do("GET", "/api/v1/users", ""); w.Code != 200 {
		t.Errorf("the first user: %d", w.Code)
	}
	if w, _ := visitor(t, s).do("GET", "/api/v1/summary", ""); w.Code != 401 {
		t.Errorf("reading here once a user exists: %d", w.Code)
	}
	if key, err := k.SetupKey(t.Context()); key != "" || err != nil {
		t.Errorf("a key once a user exists: %v", err)
	}

	// A link signs in once.
	link, err := k.MakeLink(t.Context(), "test", "ada")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []int{200, 403} {
		if w, _ := visitor(t, s).do("POST", "/api/v1/session/link", `{"key":"`+link+`"}`); w.Code != want {
			t.Errorf("the link: %d, want %d", w.Code, want)
		}
	}
	link, _ = k.MakeLink(t.Context(), "test", "ada")
	now = now.Add(25 * time.Hour)
	if w, _ := visitor(t, s).do("POST", "/api/v1/session/link", `{"key":"`+link+`"}`); w.Code != 403 {
		t.Errorf("an old link: %d", w.Code)
	}
}

func TestUsersAndTokens(t *testing.T) {
	s, _, _ := withAccounts(t, time.Now)
	ada, vera := signIn(t, s, "ada"), signIn(t, s, "vera")
	for i, tc := range []struct {
		b                  *browser
		method, path, body string
		want               int
	}{
		{ada, "POST", "users", `{"name":"eve","role":"viewer","password":"` + passphrase + `"}`, 201},
		{ada, "POST", "users", `{"name":"Eve","role":"viewer","password":"` + passphrase + `"}`, 409},
		{ada, "POST", "users", `{"name":"max","role":"viewer","password":"short"}`, 422},
		{ada, "POST", "users", `{"name":"max","role":"viewer","password":"password1234"}`, 422},
		{ada, "POST", "users", `{"name":"max","role":"boss","password":"` + passphrase + `"}`, 422},
		{ada, "POST", "users", `{"name":"max","role":"viewer","password":"` + strings.Repeat("x", 20_000) + `"}`, 413},
		{ada, "PATCH", "users/ada", `{"role":"viewer"}`, 409}, // the last
		{ada, "PATCH", "users/ada", `{"disabled":true}`, 409},
		{ada, "DELETE", "users/ada", "", 409},
		{ada, "PATCH", "users/nobody", `{"disabled":true}`, 404},
		{ada, "PATCH", "users/eve", `{"role":"operator"}`, 200},
		{ada, "DELETE", "users/eve", "", 204},
		{vera, "POST", "session/password", `{"old":"wrong","new":"another long enough"}`, 403},
		{vera, "POST", "session/password", `{"old":"` + passphrase + `","new":"short"}`, 422},
		{vera, "POST", "session/password", `{"old":"` + passphrase + `","new":"another long enough"}`, 204},
		{vera, "POST", "tokens", `{"name":"script","scope":"write"}`, 403},
		{vera, "POST", "tokens", `{"name":"script","scope":"read","expires":"2020-01-01T00:00:00Z"}`, 422},
	} {
		if w, out := tc.b.do(tc.method, "/api/v1/"+tc.path, tc.body); w.Code != tc.want {
			t.Errorf("%d: %s %s: %d %v", i, tc.method, tc.path, w.Code, out)
		}
	}
	w, out := vera.do("POST", "/api/v1/tokens", `{"name":"script","scope":"read"}`)
	secret, _ := out["token"].(string)
	if w.Code != 201 || !strings.HasPrefix(secret, "tw_") {
		t.Fatalf("%d %v", w.Code, out)
	}
	if w, _ := ada.do("GET", "/api/v1/tokens", ""); strings.Contains(w.Body.String(), secret[3:]) || !strings.Contains(w.Body.String(), `"by":"vera"`) {
		t.Errorf("all tokens: %s", w.Body)
	}
	script := visitor(t, s)
	script.headers = map[string]string{"Authorization": "Bearer " + secret}
	use := func(want int, when string) {
		t.Helper()
		if w, _ := script.do("GET", "/api/v1/summary", ""); w.Code != want {
			t.Errorf("%s: %d", when, w.Code)
		}
	}
	use(200, "a new token")
	ada.do("PATCH", "/api/v1/users/vera", `{"disabled":true}`)
	use(401, "its owner is disabled")
	if w, _ := vera.do("GET", "/api/v1/summary", ""); w.Code != 401 {
		t.Errorf("the session of a disabled account: %d", w.Code)
	}
	ada.do("PATCH", "/api/v1/users/vera", `{"disabled":false}`)
	use(200, "its owner is back")
	if w, _ := signIn(t, s, "otto").do("DELETE", "/api/v1/tokens/"+fmt.Sprint(out["id"]), ""); w.Code != 404 {
		t.Errorf("another's token: %d", w.Code)
	}
	if w, _ := ada.do("DELETE", "/api/v1/tokens/"+fmt.Sprint(out["id"]), ""); w.Code != 204 {
		t.Errorf("taking it back: %d", w.Code)
	}
	use(401, "taken back")
	for range 10 {
		script.do("GET", "/api/v1/summary", "")
	}
	use(429, "guessing on")
}

// TestProxy: behind a proxy it counts who is behind it, and only our proxies are
// believed.
func TestProxy(t *testing.T) {
	k, _ := keeper(t, time.Now)
	s := server(t, func(c *Config, d *Deps) {
		d.Accounts, c.Proxies = k, []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}
	})
	login := func(b *browser) *httptest.ResponseRecorder {
		w, _ := b.do("POST", "/api/v1/session", `{"name":"ada","password":"`+passphrase+`"}`)
		return w
	}
	b := visitor(t, s)
	b.headers = map[string]string{"X-Forwarded-For": "203.0.113.1, 198.51.100.7", "X-Forwarded-Proto": "https"}
	for range 10 {
		b.do("POST", "/api/v1/session", `{"name":"otto","password":"wrong"}`)
	}
	if w := login(b); w.Code != 429 {
		t.Errorf("who guessed behind the proxy: %d", w.Code)
	}
	b.headers["X-Forwarded-For"] = "203.0.113.1, 198.51.100.8"
	if w := login(b); w.Code != 200 || !w.Result().Cookies()[0].Secure {
		t.Errorf("somebody else behind it: %d %v", w.Code, w.Header())
	}
	b.from = "192.0.2.1:5"
	if w := login(b); w.Code != 200 || w.Result().Cookies()[0].Secure {
		t.Errorf("somebody who only says to be a proxy: %d %v", w.Code, w.Header())
	}
}

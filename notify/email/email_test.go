// SPDX-License-Identifier: Apache-2.0

package email_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"tidewatch/incident"
	"tidewatch/notify"
	"tidewatch/notify/email"
	"tidewatch/notify/notifytest"
)

// server is a mail server, which does as it is told.
type server struct {
	addr   string
	mu     sync.Mutex
	mails  []received
	logins []string
	mech   string
	reply  map[string]error // by command or recipient
}

type received struct {
	from string
	to   []string
	data string
	tls  bool
}

type session struct {
	s    *server
	conn *smtp.Conn
	cur  received
}

func (s *session) Reset()        { s.cur = received{} }
func (s *session) Logout() error { return nil }
func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	s.cur.from = from
	return s.s.reply["MAIL"]
}

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.s.mu.Lock()
	defer s.s.mu.Unlock()
	if err := s.s.reply[to]; err != nil {
		return err
	}
	s.cur.to = append(s.cur.to, to)
	return nil
}

func (s *session) Data(r io.Reader) error {
	b, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if err := s.s.reply["DATA"]; err != nil {
		return err
	}
	s.cur.data = string(b)
	_, s.cur.tls = s.conn.TLSConnectionState()
	s.s.mu.Lock()
	s.s.mails = append(s.s.mails, s.cur)
	s.s.mu.Unlock()
	return nil
}

func (s *session) AuthMechanisms() []string { return []string{s.s.mech} }

func (s *session) Auth(string) (sasl.Server, error) {
	check := func(user, password string) error {
		s.s.mu.Lock()
		s.s.logins = append(s.s.logins, user)
		s.s.mu.Unlock()
		if err := s.s.reply["AUTH"]; err != nil {
			return err
		}
		if user != "alert" || password != notifytest.Canary {
			return &smtp.SMTPError{Code: 535, EnhancedCode: smtp.EnhancedCode{5, 7, 8}, Message: "no: " + password}
		}
		return nil
	}
	if s.s.mech == "LOGIN" {
		return &login{check: check}, nil
	}
	return sasl.NewPlainServer(func(_, user, password string) error { return check(user, password) }), nil
}

// login is the server's side of LOGIN.
type login struct {
	check func(user, password string) error
	user  string
	step  int
}

func (l *login) Next(response []byte) ([]byte, bool, error) {
	l.step++
	switch l.step {
	case 1:
		return []byte("Username:"), false, nil
	case 2:
		l.user = string(response)
		return []byte("Password:"), false, nil
	}
	return nil, true, l.check(l.user, string(response))
}

// serve starts a mail server; secure is its TLS, which begins at once when early.
func serve(t *testing.T, addr string, secure *tls.Config, early bool) *server {
	t.Helper()
	s := &server{mech: "PLAIN", reply: map[string]error{}}
	srv := smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) { return &session{s: s, conn: c}, s.reply["EHLO"] }))
	srv.Domain, srv.TLSConfig, srv.ErrorLog = "mail.example.org", secure, slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	s.addr = l.Addr().String()
	if early {
		l = tls.NewListener(l, secure)
	}
	go func() { _ = srv.Serve(l) }()
	t.Cleanup(func() { _ = srv.Close() })
	return s
}

func config(s *server) email.Config {
	return email.Config{Server: s.addr, TLS: "none", From: "tidewatch <tidewatch@example.org>", To: []string{"noc@example.org", "Ops Team <ops@example.org>"}}
}

func send(t *testing.T, cfg email.Config, m *notify.Message) error {
	t.Helper()
	s, err := email.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	_, err = s.Send(ctx, m, "")
	return err
}

func flood() *notify.Message { return notifytest.Flood(notify.Trigger, incident.Opened) }

// read takes a mail apart, as mail programs do.
func read(t *testing.T, data string) (h mail.Header, text, page string) {
	t.Helper()
	msg, err := mail.ReadMessage(strings.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	kind, params, err := mime.ParseMediaType(msg.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/alternative" {
		t.Fatalf("%s: %v", kind, err)
	}
	parts := map[string]string{}
	for r := multipart.NewReader(msg.Body, params["boundary"]); ; {
		p, err := r.NextRawPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if enc := p.Header.Get("Content-Transfer-Encoding"); enc != "quoted-printable" {
			t.Errorf("encoding %q", enc)
		}
		b, err := io.ReadAll(quotedprintable.NewReader(p))
		if err != nil {
			t.Error(err)
		}
		kind, params, err := mime.ParseMediaType(p.Header.Get("Content-Type"))
		if err != nil || !strings.EqualFold(params["charset"], "utf-8") {
			t.Errorf("%s %v: %v", kind, params, err)
		}
		parts[kind] = strings.ReplaceAll(string(b), "\r\n", "\n")
	}
	return msg.Header, parts["text/plain"], parts["text/html"]
}

func subject(t *testing.T, h mail.Header) string {
	t.Helper()
	s, err := new(mime.WordDecoder).DecodeHeader(h.Get("Subject"))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestMail(t *testing.T) {
	t.Parallel()
	s := serve(t, "127.0.0.1:0", nil, false)
	if err := send(t, config(s), flood()); err != nil {
		t.Fatal(err)
	}
	got := s.mails[0]
	if got.from != "tidewatch@example.org" || !slices.Equal(got.to, []string{"noc@example.org", "ops@example.org"}) {
		t.Errorf("from %s to %v", got.from, got.to)
	}
	h, text, page := read(t, got.data)
	for name, want := range map[string]string{
		"From": `"tidewatch" <tidewatch@example.org>`, "To": `<noc@example.org>, "Ops Team" <ops@example.org>`, "Message-Id": "<inc-mzxw6ytboi4dkmjr_opened@example.org>",
		"In-Reply-To": "<inc-mzxw6ytboi4dkmjr.thread@example.org>", "References": "<inc-mzxw6ytboi4dkmjr.thread@example.org>",
		"Auto-Submitted": "auto-generated", "Importance": "high",
	} {
		if got := h.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if got, want := subject(t, h), "[tidewatch] critical: SYN flood on 192.0.2.7, peak 250 000 packets/s and 120 Mbit/s"; got != want {
		t.Errorf("subject %q, want %q", got, want)
	}
	if d, err := h.Date(); err != nil || time.Since(d) > time.Minute {
		t.Errorf("date %v, %v", d, err)
	}
	for _, want := range []string{
		"250 000 packets/s of attack traffic; 10 000 is the limit.", "2026-11-26T10:20:30Z", "threat, 92 % sure", "nobody answered the connections asked for",
		"https://tidewatch.example.org/incidents/inc-mzxw6ytboi4dkmjr",
	} {
		if !strings.Contains(strings.ToLower(text), strings.ToLower(want)) || !strings.Contains(strings.ToLower(page), strings.ToLower(want)) {
			t.Errorf("%q is not in both parts:\n%s\n%s", want, text, page)
		}
	}
}

// TestThread shows that all mails about an incident belong together, that a mail tried
// again is the same, and that another incident's is not.
func TestThread(t *testing.T) {
	t.Parallel()
	s := serve(t, "127.0.0.1:0", nil, false)
	for _, m := range []*notify.Message{
		flood(), flood(), notifytest.Flood(notify.Acknowledge, incident.AcknowledgedEvent), notifytest.Flood(notify.Resolve, incident.ResolvedEvent),
		notifytest.Theft(), notifytest.Digest(), notifytest.Test(),
	} {
		if err := send(t, config(s), m); err != nil {
			t.Fatal(err)
		}
	}
	var ids, threads, subjects []string
	for _, m := range s.mails {
		h, _, _ := read(t, m.data)
		ids, threads, subjects = append(ids, h.Get("Message-Id")), append(threads, h.Get("References")), append(subjects, subject(t, h))
	}
	if ids[0] != ids[1] || ids[0] == ids[2] || ids[2] == ids[3] {
		t.Errorf("ids %v", ids)
	}
	if threads[0] != threads[2] || threads[0] != threads[3] || threads[4] == threads[0] || threads[5] != "" {
		t.Errorf("threads %v", threads)
	}
	for n, want := range map[int]string{2: "acknowledged: SYN flood", 3: "resolved: SYN flood", 4: "exfiltration from 2001:db8:1::42", 5: "5 incidents: 1 high", 6: "test: critical"} {
		if !strings.HasPrefix(subjects[n], "[tidewatch] "+want) && !strings.Contains(subjects[n], want) {
			t.Errorf("subject %q, want %q", subjects[n], want)
		}
	}
}

// TestHostileTexts shows that nobody outside writes a header, or HTML.
func TestHostileTexts(t *testing.T) {
	t.Parallel()
	s := serve(t, "127.0.0.1:0", nil, false)
	m := notifytest.Hostile()
	m.ID, m.Key, m.Link = "a\r\nBcc: x@example.org", "b>\r\nX-Evil: 1", "javascript:alert(1)"
	if err := send(t, config(s), m); err != nil {
		t.Fatal(err)
	}
	h, _, page := read(t, s.mails[0].data)
	if h.Get("Bcc") != "" || h.Get("X-Evil") != "" || len(s.mails[0].to) != 2 {
		t.Errorf("headers %v", h)
	}
	for name, values := range h {
		for _, v := range values {
			if strings.ContainsAny(v, "\r\n\x00") {
				t.Errorf("%s: %q", name, v)
			}
		}
	}
	if strings.Contains(page, "<script") || strings.Contains(page, `href="javascript:`) {
		t.Errorf("somebody else's HTML: %s", page)
	}
	for line := range strings.SplitSeq(s.mails[0].data, "\r\n") {
		if len(line) > 998 {
			t.Errorf("a line of %d bytes", len(line))
		}
	}
}

// TestTLS shows that nothing leaves without TLS, that it is checked, and logging in.
func TestTLS(t *testing.T) {
	t.Parallel()
	ca := notifytest.NewAuthority(t)
	for name, tc := range map[string]struct {
		host, tls, mech  string
		early            bool
		names            []string // of the server's certificate; none: no TLS
		untrusted, wrong bool     // authority, password
		want             string
		permanent        bool
	}{
		"starttls":          {host: "127.0.0.1", names: []string{"127.0.0.1"}},
		"starttls, IPv6":    {host: "[::1]", names: []string{"::1"}},
		"implicit":          {host: "127.0.0.1", names: []string{"127.0.0.1"}, tls: "implicit", early: true},
		"implicit, IPv6":    {host: "[::1]", names: []string{"::1"}, tls: "implicit", early: true},
		"login":             {host: "127.0.0.1", names: []string{"127.0.0.1"}, mech: "LOGIN"},
		"wrong password":    {host: "127.0.0.1", names: []string{"127.0.0.1"}, wrong: true, want: "refuses the user name or the password (535)", permanent: true},
		"no way to log in":  {host: "127.0.0.1", names: []string{"127.0.0.1"}, mech: "GSSAPI", want: "offers no way to log in", permanent: true},
		"no starttls":       {host: "127.0.0.1", want: "offers no STARTTLS"},
		"unknown authority": {host: "127.0.0.1", names: []string{"127.0.0.1"}, untrusted: true, want: "unknown authority"},
		"wrong name":        {host: "127.0.0.1", names: []string{"mail.example.org"}, want: "IP SANs"},
		"implicit, unknown": {host: "127.0.0.1", names: []string{"127.0.0.1"}, tls: "implicit", early: true, untrusted: true, want: "unknown authority"},
		"TLS where none is": {host: "127.0.0.1", tls: "implicit", want: "speak TLS"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var secure *tls.Config
			if tc.names != nil {
				secure = ca.Server(t, tc.names...)
			}
			s := serve(t, tc.host+":0", secure, tc.early)
			if tc.mech != "" {
				s.mech = tc.mech
			}
			cfg := config(s)
			cfg.TLS, cfg.CAFile, cfg.Username, cfg.Password = tc.tls, ca.File, "alert", notifytest.Canary
			if tc.untrusted {
				cfg.CAFile = ""
			}
			if tc.wrong {
				cfg.Password += "!"
			}
			err := send(t, cfg, flood())
			if tc.want == "" {
				if err != nil || len(s.mails) != 1 || !s.mails[0].tls || !slices.Equal(s.logins, []string{"alert"}) {
					t.Fatalf("%v, mails %d, logins %v", err, len(s.mails), s.logins)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), tc.want) || notify.IsPermanent(err) != tc.permanent || len(s.mails) > 0 {
				t.Errorf("%v: permanent %v, mails %d", err, notify.IsPermanent(err), len(s.mails))
			}
			if err != nil && strings.Contains(err.Error(), notifytest.Canary) {
				t.Errorf("the password is in %v", err)
			}
		})
	}
}

// TestReplies shows which replies are worth another try.
func TestReplies(t *testing.T) {
	t.Parallel()
	say := func(code int) error {
		return &smtp.SMTPError{Code: code, EnhancedCode: smtp.EnhancedCode{code / 100, 0, 0}, Message: "because\r of " + notifytest.Canary}
	}
	for name, tc := range map[string]struct {
		at        string
		code      int
		permanent bool
	}{
		"no service":        {"EHLO", 421, false},
		"sender refused":    {"MAIL", 550, true},
		"sender later":      {"MAIL", 451, false},
		"mail refused":      {"DATA", 554, true},
		"mail later":        {"DATA", 452, false},
		"login later":       {"AUTH", 454, false},
		"login not allowed": {"AUTH", 534, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ca := notifytest.NewAuthority(t)
			s := serve(t, "127.0.0.1:0", ca.Server(t, "127.0.0.1"), false)
			s.reply[tc.at] = say(tc.code)
			cfg := config(s)
			cfg.TLS, cfg.CAFile, cfg.Username, cfg.Password = "", ca.File, "alert", notifytest.Canary
			err := send(t, cfg, flood())
			if err == nil || notify.IsPermanent(err) != tc.permanent || strings.Contains(err.Error(), notifytest.Canary) || strings.ContainsAny(err.Error(), "\r\n") {
				t.Errorf("%q: permanent %v", err, notify.IsPermanent(err))
			}
		})
	}
}

// TestRecipients shows that one bad recipient keeps the mail from nobody else, and that
// who has it gets it once.
func TestRecipients(t *testing.T) {
	t.Parallel()
	s := serve(t, "127.0.0.1:0", nil, false)
	cfg := config(s)
	cfg.To = []string{"a@example.org", "b@example.org", "c@example.org"}
	s.reply["b@example.org"] = &smtp.SMTPError{Code: 452, Message: "mailbox full"}
	sink, err := email.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	_, err = sink.Send(t.Context(), flood(), "")
	if err == nil || notify.IsPermanent(err) || !strings.Contains(err.Error(), "b@example.org is not taken for now") || !slices.Equal(s.mails[0].to, []string{"a@example.org", "c@example.org"}) {
		t.Errorf("%v, mails %+v", err, s.mails)
	}
	_, err = sink.Send(t.Context(), flood(), "")
	if err == nil || len(s.mails) != 1 {
		t.Errorf("%v, %d mails", err, len(s.mails))
	}
	s.mu.Lock()
	delete(s.reply, "b@example.org")
	s.mu.Unlock()
	if _, err = sink.Send(t.Context(), flood(), ""); err != nil || !slices.Equal(s.mails[1].to, []string{"b@example.org"}) {
		t.Errorf("%v, mails %+v", err, s.mails)
	}
	s.mu.Lock()
	s.reply["c@example.org"] = &smtp.SMTPError{Code: 550, Message: "no such user"}
	s.mu.Unlock()
	_, err = sink.Send(t.Context(), notifytest.Theft(), "")
	if !notify.IsPermanent(err) || !strings.Contains(err.Error(), "c@example.org is refused: 550 ") || !slices.Equal(s.mails[2].to, []string{"a@example.org", "b@example.org"}) {
		t.Errorf("%v, mails %+v", err, s.mails)
	}
}

// TestGivesUp shows that a server which is not there, says nothing, nonsense, or too
// much, holds nobody beyond the context.
func TestGivesUp(t *testing.T) {
	t.Parallel()
	listen := func(do func(net.Conn)) string {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = l.Close() })
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				go func() { do(c); _ = c.Close() }()
			}
		}()
		return l.Addr().String()
	}
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = gone.Close()
	hold := make(chan struct{})
	t.Cleanup(func() { close(hold) })
	for name, tc := range map[string]struct{ addr, tls, want string }{
		"not there":      {gone.Addr().String(), "none", "refused"},
		"silent":         {listen(func(net.Conn) { <-hold }), "none", "deadline"},
		"silent, TLS":    {listen(func(net.Conn) { <-hold }), "implicit", "deadline"},
		"another":        {listen(func(c net.Conn) { _, _ = io.WriteString(c, "HTTP/1.1 400 Bad Request\r\n\r\n") }), "none", "no greeting"},
		"hangs up":       {listen(func(net.Conn) {}), "none", "no greeting"},
		"half a session": {listen(func(c net.Conn) { _, _ = io.WriteString(c, "220 hello\r\n"); <-hold }), "none", "deadline"},
		"talks for ever": {listen(func(c net.Conn) {
			for err := error(nil); err == nil; {
				_, err = io.WriteString(c, "220-"+strings.Repeat("x", 1<<12)+"\r\n")
			}
		}), "none", "says too much"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, err := email.New(email.Config{Server: tc.addr, TLS: tc.tls, From: "a@example.org", To: []string{"b@example.org"}})
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
			defer cancel()
			begin := time.Now()
			_, err = s.Send(ctx, flood(), "")
			if err == nil || notify.IsPermanent(err) || !strings.Contains(err.Error(), tc.want) || time.Since(begin) > 3*time.Second || len(err.Error()) > 300 {
				t.Errorf("%v after %v", err, time.Since(begin))
			}
		})
	}
}

func TestValidate(t *testing.T) {
	t.Parallel()
	for want, change := range map[string]func(*email.Config){
		"":                       func(*email.Config) {},
		"server must be":         func(c *email.Config) { c.Server = "mail.example.org" },
		"server must end":        func(c *email.Config) { c.Server = "mail.example.org:smtp" },
		"tls must be":            func(c *email.Config) { c.TLS = "mandatory" },
		"both set":               func(c *email.Config) { c.PasswordFile = "f" },
		"belong together":        func(c *email.Config) { c.Username = "" },
		"not sent in the open":   func(c *email.Config) { c.TLS = "none" },
		"one line":               func(c *email.Config) { c.Password += "\r\nQUIT" },
		"from must be":           func(c *email.Config) { c.From = "x@example.org\r\nBcc: y@example.org" },
		"to must have":           func(c *email.Config) { c.To = nil },
		"to must hold addresses": func(c *email.Config) { c.To = []string{"nobody"} },
		"helo must be":           func(c *email.Config) { c.HELO = "a b" },
	} {
		c := email.Config{Server: "mail.example.org:587", Username: "alert", Password: notifytest.Canary, From: "a@example.org", To: []string{"b@example.org"}}
		change(&c)
		err := c.Validate()
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: %v", want, err)
		}
		if err != nil && strings.Contains(err.Error(), notifytest.Canary) {
			t.Errorf("the password is in %v", err)
		}
	}
}

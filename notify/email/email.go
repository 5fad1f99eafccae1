// SPDX-License-Identifier: Apache-2.0

// Package email sends mail: one for each message, as text and HTML, over SMTP with TLS.
package email

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"html/template"
	"net"
	"net/mail"
	"net/textproto"
	"os"
	"slices"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"
	"github.com/wneessen/go-mail/smtp"

	"tidewatch/notify"
	"tidewatch/outbound"
)

// Sink logs in anew for each message: there are few, and servers hang up on the idle.
type Sink struct {
	cfg    Config
	host   string
	domain string // of message ids
	sender string
	rcpts  []string
	page   *template.Template
	partly []partly // the newest last
}

// partly is a mail that some have and others will: who has it is not sent it again.
type partly struct {
	id  string
	had []string
}

const maxPartly = 64 // mails that are remembered so; of older ones everybody gets another copy

var _ notify.Sink = (*Sink)(nil)

// New takes a configuration whose Password is filled: who calls it reads the file.
func New(cfg Config) (*Sink, error) { //nolint:gocritic // all sinks are made alike, once
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if cfg.PasswordFile != "" {
		return nil, errors.New("password_file was not read")
	}
	page, err := parse()
	if err != nil {
		return nil, fmt.Errorf("read the template: %w", err)
	}
	s := &Sink{cfg: cfg, page: page}
	s.host, _, _ = net.SplitHostPort(cfg.Server) // Validate has looked at both
	from, _ := mail.ParseAddress(cfg.From)
	s.sender = from.Address
	s.domain = from.Address[strings.LastIndexByte(from.Address, '@')+1:]
	if strings.ContainsFunc(s.domain, func(r rune) bool { return r <= ' ' || r > '~' }) {
		s.domain = "tidewatch.invalid" // names of other scripts stand in no message id
	}
	for _, a := range cfg.To {
		to, _ := mail.ParseAddress(a)
		s.rcpts = append(s.rcpts, to.Address)
	}
	return s, nil
}

// Send hands the mail to the server. It keeps no receipts: ids follow from the message.
func (s *Sink) Send(ctx context.Context, m *notify.Message, before notify.Receipt) (notify.Receipt, error) {
	msg, err := s.compose(m)
	if err != nil {
		return before, notify.Permanent(err)
	}
	err = s.deliver(ctx, m.ID, msg)
	if err != nil && ctx.Err() != nil {
		return before, fmt.Errorf("%s: %w", s.cfg.Server, ctx.Err())
	}
	return before, err
}

// deliver speaks SMTP. A recipient whom the server refuses, or does not take for now,
// keeps it from nobody else.
func (s *Sink) deliver(ctx context.Context, id string, msg *gomail.Msg) error {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", s.cfg.Server)
	if err != nil {
		return fmt.Errorf("reach %s: %w", s.cfg.Server, err)
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	c, err := s.begin(ctx, &talk{Conn: conn, left: maxTalk})
	if err != nil {
		return err
	}
	if err := c.Mail("<" + s.sender + ">"); err != nil {
		return s.judge("the sender is refused", err)
	}
	had := s.had(id)
	var taken []string
	var refused, later []error
	for _, to := range s.rcpts {
		if slices.Contains(had, to) {
			continue
		}
		err := c.Rcpt("<" + to + ">")
		switch {
		case err == nil:
			taken = append(taken, to)
		case isReply(err, 5):
			refused = append(refused, s.judge(to+" is refused", err))
		case isReply(err, 4):
			later = append(later, s.judge(to+" is not taken for now", err))
		default:
			return s.judge("name a recipient", err)
		}
	}
	if len(taken) > 0 {
		if err := s.write(c, msg); err != nil {
			return err
		}
		_ = c.Quit() // it is delivered, whatever the server says now
	}
	switch {
	case len(later) > 0:
		s.remember(id, append(had, taken...))
		return errors.Join(append(later, bare(refused)...)...)
	case len(refused) > 0:
		return notify.Permanent(errors.Join(bare(refused)...))
	}
	return nil
}

// bare takes the mark of what is permanent off: of several errors all must be.
func bare(errs []error) []error {
	out := make([]error, len(errs))
	for n, err := range errs {
		out[n] = errors.New(err.Error())
	}
	return out
}

func (s *Sink) had(id string) []string {
	for _, p := range s.partly {
		if p.id == id {
			return slices.Clone(p.had)
		}
	}
	return nil
}

func (s *Sink) remember(id string, had []string) {
	s.partly = append(slices.DeleteFunc(s.partly, func(p partly) bool { return p.id == id }), partly{id, had})
	s.partly = s.partly[max(0, len(s.partly)-maxPartly):]
}

func (s *Sink) write(c *smtp.Client, msg *gomail.Msg) error {
	w, err := c.Data()
	if err != nil {
		return s.judge("mail is not taken", err)
	}
	if _, err := msg.WriteTo(w); err != nil {
		return s.judge("write the mail", err)
	}
	if err := w.Close(); err != nil {
		return s.judge("the mail is not taken", err)
	}
	return nil
}

// begin greets, switches to TLS and logs in.
func (s *Sink) begin(ctx context.Context, conn net.Conn) (*smtp.Client, error) {
	security := s.cfg.security()
	trust, err := outbound.Trust(s.cfg.CAFile)
	if err != nil {
		return nil, err
	}
	trust.ServerName = s.host
	if security == implicit {
		secure := tls.Client(conn, trust)
		if err := secure.HandshakeContext(ctx); err != nil {
			return nil, fmt.Errorf("speak TLS with %s: %w", s.cfg.Server, err)
		}
		conn = secure
	}
	c, err := smtp.NewClient(conn, s.host)
	if err != nil {
		return nil, s.judge("no greeting", err)
	}
	if err := c.Hello(s.helo()); err != nil {
		return nil, s.judge("no greeting", err)
	}
	if security == starttls {
		if ok, _ := c.Extension("STARTTLS"); !ok {
			return nil, fmt.Errorf("%s offers no STARTTLS, and mail is not sent in the open unless tls is none", s.cfg.Server)
		}
		if err := c.StartTLS(trust); err != nil {
			return nil, s.judge("speak TLS", err)
		}
	}
	return c, s.login(c)
}

func (s *Sink) login(c *smtp.Client) error {
	if s.cfg.Username == "" {
		return nil
	}
	_, offered := c.Extension("AUTH")
	for _, known := range [...]struct {
		name string
		auth smtp.Auth
	}{
		// The order of what servers get right most often; all of it is inside TLS.
		{"PLAIN", smtp.PlainAuth("", s.cfg.Username, s.cfg.Password, s.host, false)},
		{"LOGIN", smtp.LoginAuth(s.cfg.Username, s.cfg.Password, s.host, false)},
		{"SCRAM-SHA-256", smtp.ScramSHA256Auth(s.cfg.Username, s.cfg.Password)},
		{"CRAM-MD5", smtp.CRAMMD5Auth(s.cfg.Username, s.cfg.Password)},
	} {
		if !strings.Contains(" "+strings.ToUpper(offered)+" ", " "+known.name+" ") {
			continue
		}
		if err := c.Auth(known.auth); err != nil {
			if isReply(err, 5) {
				return notify.Permanent(fmt.Errorf("%s refuses the user name or the password (%d)", s.cfg.Server, replyCode(err)))
			}
			return s.judge("log in", err)
		}
		return nil
	}
	return notify.Permanent(fmt.Errorf("%s offers no way to log in that we know", s.cfg.Server))
}

// helo is a name that a server takes, also where the machine has none.
func (s *Sink) helo() string {
	if s.cfg.HELO != "" {
		return s.cfg.HELO
	}
	name, err := os.Hostname()
	if err != nil || name == "" || strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "localhost"
	}
	return name
}

// judge says of an error whether another try can help: a reply of 5xx is the last word.
func (s *Sink) judge(what string, err error) error {
	reply, ok := errors.AsType[*textproto.Error](err)
	if !ok {
		return fmt.Errorf("%s: %s: %s", s.cfg.Server, what, s.hide(err.Error()))
	}
	said := fmt.Errorf("%s: %s: %d %s", s.cfg.Server, what, reply.Code, s.hide(reply.Msg))
	if reply.Code/100 == 5 {
		return notify.Permanent(said)
	}
	return said
}

// hide takes the password out of what a server wrote, also as it went over the wire.
func (s *Sink) hide(text string) string {
	if p := s.cfg.Password; p != "" {
		wire := base64.StdEncoding.EncodeToString
		text = outbound.Hide(text, p, wire([]byte(p)), wire([]byte("\x00"+s.cfg.Username+"\x00"+p)))
	}
	return notify.Cut(notify.Line(text), 160)
}

func replyCode(err error) int {
	if reply, ok := errors.AsType[*textproto.Error](err); ok {
		return reply.Code
	}
	return 0
}

func isReply(err error, class int) bool { return replyCode(err)/100 == class }

// maxTalk bounds what a server may say while one mail is sent: some lines, and its
// certificates.
const maxTalk = 128 << 10

// talk is a connection on which the other side may not talk for ever.
type talk struct {
	net.Conn

	left int
}

func (t *talk) Read(p []byte) (int, error) {
	if t.left <= 0 {
		return 0, errors.New("the server says too much")
	}
	n, err := t.Conn.Read(p[:min(len(p), t.left)])
	t.left -= n
	return n, err //nolint:wrapcheck // callers look for io.EOF itself
}

// SPDX-License-Identifier: Apache-2.0

package email

import (
	"errors"
	"fmt"
	"net"
	"net/mail"
	"slices"
	"strconv"
	"strings"
)

// Config is one mail server and who gets mail through it. An empty value is that of
// DefaultConfig.
type Config struct {
	Server       string   `yaml:"server,omitempty"`                 // host:port of the mail server: 587 and 25 begin in the open and switch to TLS, 465 is TLS from the start
	TLS          string   `yaml:"tls,omitempty"`                    // starttls: no mail leaves without TLS; implicit: TLS from the start; none: in the open, and without a password. Empty: implicit at port 465, else starttls
	Username     string   `yaml:"username,omitempty"`               // to log in with; empty: without logging in
	Password     string   `yaml:"password,omitempty" secret:"true"` // to log in with
	PasswordFile string   `yaml:"password_file,omitempty"`          // file that holds the password alone, mode 0600, read at the start
	From         string   `yaml:"from,omitempty"`                   // address of the sender, also with a name: "tidewatch <tidewatch@example.org>"
	To           []string `yaml:"to,omitempty"`                     // addresses that get the mail, 50 at most; each sees the others
	HELO         string   `yaml:"helo,omitempty"`                   // what this machine calls itself; empty: its own name
	CAFile       string   `yaml:"ca_file,omitempty"`                // PEM file of the authorities to trust in place of the system's
}

// DefaultConfig sends nothing without TLS. Server, from and to are needed beside it.
func DefaultConfig() Config { return Config{} }

// The values of TLS.
const (
	starttls = "starttls"
	implicit = "implicit"
	open     = "none"
)

const maxRecipients = 50 // a mail to more is a list's, which mail servers know how to keep

// security is TLS with its default.
func (c *Config) security() string {
	switch {
	case c.TLS != "":
		return c.TLS
	case strings.HasSuffix(c.Server, ":465"):
		return implicit
	}
	return starttls
}

// Validate reports the first value that makes no sense. It never repeats the password.
func (c *Config) Validate() error {
	host, port, err := net.SplitHostPort(c.Server)
	if err != nil || host == "" {
		return fmt.Errorf("server must be host:port, not %q", c.Server)
	}
	if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
		return fmt.Errorf("server must end in a port, not %q", port)
	}
	if !slices.Contains([]string{"", starttls, implicit, open}, c.TLS) {
		return fmt.Errorf("tls must be starttls, implicit or none, not %q", c.TLS)
	}
	secret := c.Password + c.PasswordFile
	switch {
	case c.Password != "" && c.PasswordFile != "":
		return errors.New("password and password_file are both set; one of them is needed")
	case (c.Username == "") != (secret == ""):
		return errors.New("username and a password belong together")
	case secret != "" && c.security() == open:
		return errors.New("a password is not sent in the open: tls must not be none")
	case strings.ContainsAny(c.Username+c.Password, "\r\n\x00"):
		return errors.New("username and password are one line each")
	}
	if _, err := mail.ParseAddress(c.From); err != nil {
		return fmt.Errorf("from must be an address, not %q", c.From)
	}
	if len(c.To) == 0 || len(c.To) > maxRecipients {
		return fmt.Errorf("to must have 1 to %d addresses, not %d", maxRecipients, len(c.To))
	}
	for _, a := range c.To {
		if _, err := mail.ParseAddress(a); err != nil {
			return fmt.Errorf("to must hold addresses, not %q", a)
		}
	}
	if strings.ContainsFunc(c.HELO, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return errors.New("helo must be a plain host name")
	}
	return nil
}

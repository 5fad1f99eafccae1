// SPDX-License-Identifier: Apache-2.0

package api

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"
)

// certEvery is how often it is looked whether the files of the certificate changed.
const certEvery = 10 * time.Second

// TLSConfig names the files of a certificate.
type TLSConfig struct {
	Cert string `yaml:"cert"` // file (PEM) with the certificate and those that vouch for it; then only TLS is spoken
	Key  string `yaml:"key"`  // file (PEM) with its key, readable by its owner alone
}

// Enabled reports whether TLS is spoken.
func (c *TLSConfig) Enabled() bool { return c.Cert != "" }

func (c *TLSConfig) validate() error {
	if (c.Cert == "") != (c.Key == "") {
		return errors.New("tls.cert and tls.key go together")
	}
	return nil
}

// certificate is the one in the files. A new one is taken up while the server runs;
// when it cannot be read, the one before goes on.
type certificate struct {
	cfg    TLSConfig
	logger *slog.Logger

	mu     sync.Mutex
	now    *tls.Certificate
	of     [2]os.FileInfo // the files that it is from
	looked time.Time
}

// newCertificate reads the files for the first time.
func newCertificate(cfg TLSConfig, logger *slog.Logger) (*certificate, error) {
	c := &certificate{cfg: cfg, logger: logger}
	err := c.load()
	return c, err
}

// get is tls.Config.GetCertificate.
func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Since(c.looked) >= certEvery {
		c.reload()
	}
	return c.now, nil
}

// again reads the files if they changed, whenever that was looked at last.
func (c *certificate) again() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reload()
}

func (c *certificate) reload() {
	c.looked = time.Now()
	if now, err := c.files(); err == nil && same(now[0], c.of[0]) && same(now[1], c.of[1]) {
		return
	}
	if err := c.load(); err != nil {
		c.logger.Error("certificate not reloaded, the old one goes on", "error", err)
		return
	}
	c.logger.Info("certificate reloaded", "file", c.cfg.Cert)
}

// load reads the files. The error never holds what stands in them.
func (c *certificate) load() error {
	of, err := c.files()
	if err != nil {
		return fmt.Errorf("tls: %w", err)
	}
	if of[1].Mode().Perm()&0o007 != 0 {
		return fmt.Errorf("tls: everybody can read the key %s; run chmod 600 on it, and take another if somebody may have", c.cfg.Key)
	}
	pair, err := tls.LoadX509KeyPair(c.cfg.Cert, c.cfg.Key)
	if err != nil {
		return fmt.Errorf("tls: read %s and %s: %w", c.cfg.Cert, c.cfg.Key, err)
	}
	c.now, c.of, c.looked = &pair, of, time.Now()
	return nil
}

// files are those of certificate and key, behind links: programs that renew put others in
// their place.
func (c *certificate) files() (of [2]os.FileInfo, err error) {
	for i, path := range [...]string{c.cfg.Cert, c.cfg.Key} {
		if of[i], err = os.Stat(path); err != nil {
			return of, err
		}
	}
	return of, nil
}

// same reports whether a file is the one of before, unchanged. Time alone does not tell:
// some tools give all files one.
func same(a, b os.FileInfo) bool {
	return os.SameFile(a, b) && a.ModTime().Equal(b.ModTime()) && a.Size() == b.Size()
}

// config is what connections are made by.
func (c *certificate) config() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: c.get, NextProtos: []string{"h2", "http/1.1"}}
}

// ReloadCertificate takes up a certificate that was replaced. Without TLS it does nothing.
func (s *Server) ReloadCertificate() {
	if s.certificate != nil {
		s.certificate.again()
	}
}

// URL is where the API is reached at the address that Listen took.
func (s *Server) URL() string {
	if s.cfg.TLS.Enabled() {
		return "https://" + s.Addr()
	}
	return "http://" + s.Addr()
}

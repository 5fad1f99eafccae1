// SPDX-License-Identifier: Apache-2.0

package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"time"

	"tidewatch/api"
	"tidewatch/store"
)

const (
	remoteTimeout = 30 * time.Second
	maxAnswer     = 64 << 20 // a page of 1000 incidents takes some 10 MiB
)

// token is the administrator's: that of the configuration or the environment, that
// of the file named there, or that in the data directory, which make makes when it
// is missing.
func token(cfg *Config, makes bool) (string, error) {
	switch {
	case cfg.API.Token != "":
		return cfg.API.Token, nil
	case cfg.API.TokenFile != "":
		return store.ReadToken(cfg.API.TokenFile)
	case makes:
		return store.MakeToken(cfg.DataDir)
	}
	return store.ReadToken(store.TokenFile(cfg.DataDir))
}

// remote is the server that uses a data directory.
type remote struct {
	base, token string
	cert        string // file of the only certificate that is taken; empty: none
}

// enter takes the lock of the data directory, or returns the server that has it.
func enter(cfg *Config) (*store.Lock, *remote, error) {
	l, err := store.TakeLock(cfg.DataDir)
	used, inUse := errors.AsType[*store.InUseError](err)
	if !inUse || used.API == "" {
		return l, nil, err
	}
	server, err := serverOf(cfg, used)
	return nil, server, err
}

// runningServer is the server that uses the data directory, nil when none does. It makes
// nothing.
func runningServer(cfg *Config) (*remote, error) {
	used, err := store.Holder(cfg.DataDir)
	if err != nil || used == nil || used.API == "" {
		return nil, err
	}
	return serverOf(cfg, used)
}

func serverOf(cfg *Config, used *store.InUseError) (*remote, error) {
	t, err := token(cfg, false)
	if err != nil {
		return nil, fmt.Errorf("the server at %s (process %d) uses %s: %w", used.API, used.Process, cfg.DataDir, err)
	}
	base, err := reachable(used.API)
	return &remote{base, t, cfg.API.TLS.Cert}, err
}

// reachable is an address to call for one that a server listens on. Only numbers
// are taken: no resolver may send the token elsewhere.
func reachable(api string) (string, error) {
	u, err := url.Parse(api)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" {
		return "", errors.New("the lock file names no address of a server")
	}
	at, err := netip.ParseAddrPort(u.Host)
	if err != nil {
		return "", errors.New("the lock file names no address of a server")
	}
	a := at.Addr()
	switch a.Unmap() {
	case netip.IPv4Unspecified():
		a = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	case netip.IPv6Unspecified():
		a = netip.IPv6Loopback()
	}
	return u.Scheme + "://" + netip.AddrPortFrom(a, at.Port()).String(), nil
}

// call sends in and reads the answer into out; nil leaves either out. A refusal for
// a reason of the caller's is an InputError.
func (r *remote) call(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader = http.NoBody
	if in != nil {
		data, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(data)
	}
	ctx, cancel := context.WithTimeout(ctx, remoteTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, r.base+path, body)
	if err != nil {
		return fmt.Errorf("ask the server: %w", err)
	}
	req.Header.Set("Authorization", "Bearer "+r.token)
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	// No proxy and no redirect: the token is for this server alone.
	transport := &http.Transport{DisableKeepAlives: true}
	if r.cert != "" {
		if transport.TLSClientConfig, err = pinned(r.cert); err != nil {
			return err
		}
	}
	client := &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("ask the server: %w", err)
	}
	defer func() { _ = res.Body.Close() }() // it was read
	data, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("ask the server: %w", err)
	}
	if res.StatusCode >= 300 {
		return r.refusal(res.StatusCode, data)
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(data, out); err != nil {
		return fmt.Errorf("read the server's answer: %w", err)
	}
	return nil
}

// remove takes something back that people added.
func (r *remote) remove(ctx context.Context, path, by, note string) error {
	q := url.Values{}
	for name, value := range map[string]string{"by": by, "note": note} {
		if value != "" {
			q.Set(name, value)
		}
	}
	return r.call(ctx, http.MethodDelete, path+"?"+q.Encode(), nil, nil)
}

// list reads a page of what was written down somewhere into out.
func (r *remote) list(ctx context.Context, path string, f *api.ListFilter, out any) error {
	q := url.Values{"limit": {strconv.Itoa(f.Limit)}, "past": {strconv.FormatBool(f.Past)}}
	if f.Origin != "" {
		q.Set("origin", f.Origin)
	}
	return r.call(ctx, http.MethodGet, path+"?"+q.Encode(), nil, out)
}

// refusal is the error of a problem document.
func (r *remote) refusal(status int, data []byte) error {
	var p struct {
		Detail string `json:"detail"`
		Errors []struct {
			Message  string `json:"message"`
			Location string `json:"location"`
		} `json:"errors"`
	}
	if json.Unmarshal(data, &p) != nil || p.Detail == "" {
		p.Detail = http.StatusText(status)
	}
	for _, e := range p.Errors {
		p.Detail += "; "
		if e.Location != "" {
			p.Detail += e.Location + ": "
		}
		p.Detail += e.Message
	}
	err := fmt.Errorf("the server at %s says: %s", r.base, p.Detail)
	switch status {
	case http.StatusNotFound, http.StatusConflict, http.StatusUnprocessableEntity:
		return &InputError{err}
	}
	return err
}

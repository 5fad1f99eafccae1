// SPDX-License-Identifier: Apache-2.0

package triage

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"tidewatch/detect"
)

// The providers.
const (
	None      = "none"
	Anthropic = "anthropic"
	OpenAI    = "openai"
)

// Config says which model is asked, about what, and what that may cost. Nothing leaves
// the machine unless a provider is named.
type Config struct {
	Provider    string          `yaml:"provider"`           // none, anthropic, or openai: any server that speaks its /v1/chat/completions, such as llama.cpp, vLLM or Ollama; a key alone sends nothing
	Model       string          `yaml:"model"`              // its name as the provider calls it, such as claude-sonnet-5-5; claude-haiku-5-5 when there are many incidents
	BaseURL     string          `yaml:"base_url"`           // of the service, without /v1; empty: Anthropic's own; needed for openai
	Key         string          `yaml:"key" secret:"true"`  // of the service; not needed for openai on loopback
	KeyFile     string          `yaml:"key_file"`           // file that holds the key alone, mode 0600, read at the start; in place of key
	MinSeverity detect.Severity `yaml:"min_severity"`       // less severe incidents are judged by the rules alone; raising it saves money
	Pseudonyms  bool            `yaml:"pseudonyms"`         // internal addresses and names are replaced before anything leaves the machine, and what people wrote stays at home; false sends them as they are
	Tools       bool            `yaml:"tools"`              // the model may look up flows, destinations, peers and other incidents; false asks one question, which suits small models
	Settle      time.Duration   `yaml:"settle"`             // an incident is asked about so long after there is reason to: an attack tells most in its first seconds
	RetryAfter  time.Duration   `yaml:"retry_after"`        // after a failure that may pass the same incident is asked about again at the earliest
	Timeout     time.Duration   `yaml:"timeout"`            // of one answer
	TimeLimit   time.Duration   `yaml:"time_limit"`         // of one incident, with all tools and tries
	Retries     int             `yaml:"retries"`            // further tries of one question, as the service allows by its status and Retry-After
	Concurrency int             `yaml:"concurrency"`        // incidents that are asked about at once
	Queue       int             `yaml:"queue"`              // incidents that wait, about 15 KiB each; when it is full the least severe is not asked about, and counted
	Cache       int             `yaml:"cache"`              // answers that are kept for a day, for the same evidence again
	Rounds      int             `yaml:"max_rounds"`         // questions about one incident, those that only bring tools included
	AnswerSize  int64           `yaml:"max_answer_tokens"`  // of one answer
	CaseTokens  int64           `yaml:"incident_tokens"`    // read and written, for one incident in one run of the program
	DayTokens   int64           `yaml:"day_tokens"`         // likewise, for all incidents of a day (UTC)
	CaseCost    float64         `yaml:"incident_cost"`      // money for one incident in one run, in the currency of the prices; 0: only tokens count
	DayCost     float64         `yaml:"day_cost"`           // money for all incidents of a day (UTC); 0: only tokens count
	PriceIn     float64         `yaml:"price_per_mtok_in"`  // for a million tokens that the model reads, by your price list; 0 for a local model
	PriceOut    float64         `yaml:"price_per_mtok_out"` // for a million tokens that it writes
}

// DefaultConfig asks nobody.
func DefaultConfig() Config {
	return Config{
		Provider: None, MinSeverity: detect.Medium, Pseudonyms: true, Tools: true,
		Settle: 20 * time.Second, RetryAfter: 10 * time.Minute, Timeout: time.Minute, TimeLimit: 3 * time.Minute, Retries: 2,
		Concurrency: 2, Queue: 256, Cache: 1024, Rounds: 4, AnswerSize: 3000,
		CaseTokens: 100_000, DayTokens: 2_000_000, CaseCost: 0.5, DayCost: 10,
	}
}

// On reports whether a model is asked at all.
func (c *Config) On() bool { return c.Provider != None }

// Validate reports the first value that makes no sense. It never repeats the key.
func (c *Config) Validate() error {
	if c.Provider != None && c.Provider != Anthropic && c.Provider != OpenAI {
		return fmt.Errorf("provider is none, anthropic or openai, not %q", c.Provider)
	}
	if c.MinSeverity.Rank() < 0 {
		return fmt.Errorf("min_severity is low, medium, high or critical, not %q", c.MinSeverity)
	}
	if err := c.limits(); err != nil {
		return err
	}
	if c.Key != "" && c.KeyFile != "" {
		return errors.New("key and key_file are both set; one of them is needed")
	}
	if strings.ContainsFunc(c.Key, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return errors.New("the key must hold visible ASCII characters alone")
	}
	if !c.On() {
		return nil
	}
	if c.Model == "" {
		return errors.New("model: name one, such as claude-sonnet-5-5, or what the server calls it")
	}
	return c.service()
}

// service checks where the questions go.
func (c *Config) service() error {
	local := false
	switch {
	case c.BaseURL != "":
		u, err := url.Parse(c.BaseURL)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
			return errors.New("base_url must look like https://host or http://127.0.0.1:8081, without a key or a query in it")
		}
		local = isLoopback(u.Hostname())
		if u.Scheme == "http" && !local {
			return errors.New("base_url: beyond this machine evidence and key travel over https alone")
		}
	case c.Provider == OpenAI:
		return errors.New("base_url: name the server, such as http://127.0.0.1:8081")
	}
	if c.Key == "" && c.KeyFile == "" && (c.Provider == Anthropic || !local) {
		return errors.New("a key is needed: set TIDEWATCH_TRIAGE_KEY or triage.key_file (a file of mode 0600)")
	}
	if (c.CaseCost > 0 || c.DayCost > 0) && c.PriceIn == 0 && c.PriceOut == 0 && !local {
		return errors.New("price_per_mtok_in and price_per_mtok_out: write those of your price list, so that incident_cost and day_cost can hold, or set both costs to 0")
	}
	return nil
}

func (c *Config) limits() error {
	for _, d := range []struct {
		name        string
		is          time.Duration
		least, most time.Duration
	}{
		{"settle", c.Settle, 0, time.Hour},
		{"retry_after", c.RetryAfter, time.Second, 24 * time.Hour},
		{"timeout", c.Timeout, time.Second, time.Hour},
		{"time_limit", c.TimeLimit, time.Second, time.Hour},
	} {
		if d.is < d.least || d.is > d.most {
			return fmt.Errorf("%s must lie between %v and %v, not %v", d.name, d.least, d.most, d.is)
		}
	}
	for _, n := range []struct {
		name        string
		is          int64
		least, most int64
	}{
		{"retries", int64(c.Retries), 0, 10},
		{"concurrency", int64(c.Concurrency), 1, 64},
		{"queue", int64(c.Queue), 1, 10_000},
		{"cache", int64(c.Cache), 0, 100_000},
		{"max_rounds", int64(c.Rounds), 1, 20},
		{"max_answer_tokens", c.AnswerSize, 256, 64_000},
		{"incident_tokens", c.CaseTokens, 1, 1e9},
		{"day_tokens", c.DayTokens, 1, 1e12},
	} {
		if n.is < n.least || n.is > n.most {
			return fmt.Errorf("%s must lie between %d and %d, not %d", n.name, n.least, n.most, n.is)
		}
	}
	for _, m := range []struct {
		name string
		is   float64
	}{
		{"incident_cost", c.CaseCost},
		{"day_cost", c.DayCost},
		{"price_per_mtok_in", c.PriceIn},
		{"price_per_mtok_out", c.PriceOut},
	} {
		if !(m.is >= 0 && m.is <= 1e6) { // NaN is no money either
			return fmt.Errorf("%s must lie between 0 and 1000000, not %g", m.name, m.is)
		}
	}
	return nil
}

// isLoopback reports whether a host is this machine. Names other than localhost may mean
// anything and are taken as not.
func isLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.Unmap().IsLoopback()
}

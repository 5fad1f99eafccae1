// SPDX-License-Identifier: Apache-2.0

// Package feedback lets what people say about incidents move the thresholds of
// one subject and kind, gradually, within bounds and visibly.
//
// Each "this was normal" raises them to 1.25 times, up to twice; each "this was an
// attack" lowers them to 0.8 times, down to half. A score grows about with the
// logarithm of what was measured, so a threshold that is k times as high takes
// the square root of k from the score. The largest k is 2: a critical finding,
// 0.9 and above, keeps at least 0.63 and with it severity medium. Nobody can
// hide an attack by calling it normal.
//
// The package is pure: time is flow time and comes with the findings.
package feedback

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// How far one verdict moves a threshold, and how far all of them can.
const (
	step   = 1.25
	most   = 2.0
	least  = 0.5
	oldest = 10 * 365 * 24 * time.Hour // longest that verdicts may count
)

// ErrNotFound says that there is no verdict of that id.
var ErrNotFound = errors.New("no such verdict")

// Verdict is what a person said an incident was.
type Verdict string

// The verdicts.
const (
	Normal Verdict = "normal"
	Attack Verdict = "attack"
)

// Entry is one verdict on one incident.
type Entry struct {
	ID       string    `json:"id"`
	Incident string    `json:"incident" doc:"id of the incident that was judged; a later verdict on it takes the place of this one"`
	Subject  string    `json:"subject" doc:"address or prefix whose threshold it moves"`
	Kind     string    `json:"kind" doc:"kind of incident whose threshold it moves"`
	Verdict  Verdict   `json:"verdict" enum:"normal,attack"`
	By       string    `json:"by"`
	Note     string    `json:"note,omitempty"`
	At       time.Time `json:"at" doc:"in flow time; it counts from then on until it expires"`
}

// New is a verdict on an incident. An incident has one at a time, so its id is
// made from the incident's.
func New(incident, subject, kind string, v Verdict) Entry {
	return Entry{ID: "fb-" + strings.TrimPrefix(incident, "inc-"), Incident: incident, Subject: subject, Kind: kind, Verdict: v}
}

// Config bounds what verdicts do.
type Config struct {
	Expires    time.Duration `yaml:"expires"`     // a verdict counts this long, in flow time
	MaxEntries int           `yaml:"max_entries"` // verdicts held, about 300 bytes each; the oldest gives way
}

// DefaultConfig forgets a verdict after a quarter.
func DefaultConfig() Config { return Config{Expires: 90 * 24 * time.Hour, MaxEntries: 10_000} }

// Validate reports the first value that makes no sense.
func (c *Config) Validate() error {
	if c.Expires < time.Hour || c.Expires > oldest {
		return fmt.Errorf("expires must lie between 1h and %v, not %v", oldest, c.Expires)
	}
	if c.MaxEntries < 1 || c.MaxEntries > 1_000_000 {
		return fmt.Errorf("max_entries must lie between 1 and 1000000, not %d", c.MaxEntries)
	}
	return nil
}

// Stats counts what a Book did since it was made.
type Stats struct {
	Applied uint64 // findings whose score was moved
	Dropped uint64 // verdicts that gave way to newer ones
	Expired uint64 // verdicts that were forgotten after their time
}

// Book holds the verdicts that count. It is owned by one goroutine.
type Book struct {
	cfg     Config
	entries []Entry       // oldest first
	byKey   map[key][]int // indices into entries, oldest first
	stats   Stats
}

type key struct {
	subject netip.Prefix
	kind    string
}

// NewBook returns an empty book, or an error when the configuration makes no sense.
func NewBook(cfg *Config) (*Book, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("feedback: %w", err)
	}
	return &Book{cfg: *cfg, byKey: map[key][]int{}}, nil
}

// Configure lets verdicts count by other bounds from now on.
func (b *Book) Configure(cfg *Config) error {
	if err := cfg.Validate(); err != nil {
		return fmt.Errorf("feedback: %w", err)
	}
	b.cfg = *cfg
	b.trim()
	b.index()
	return nil
}

// Add takes a verdict, in place of an earlier one on the same incident. A full
// book forgets its oldest.
func (b *Book) Add(e *Entry) error {
	if _, err := keyOf(e); err != nil {
		return err
	}
	if e.Verdict != Normal && e.Verdict != Attack {
		return fmt.Errorf("feedback: %q is no verdict; normal and attack are", e.Verdict)
	}
	if e.ID == "" {
		return errors.New("feedback: a verdict needs an id")
	}
	b.expire(e.At)
	b.entries = slices.DeleteFunc(b.entries, func(have Entry) bool { return have.ID == e.ID })
	// Verdicts are put where their time says: what was said first counts first.
	at, _ := slices.BinarySearchFunc(b.entries, e, func(have Entry, want *Entry) int {
		if have.At.After(want.At) {
			return 1
		}
		return -1
	})
	b.entries = slices.Insert(b.entries, at, *e)
	b.trim()
	b.index()
	return nil
}

// Remove takes a verdict back and reports whether there was one.
func (b *Book) Remove(id string) bool {
	n := len(b.entries)
	b.entries = slices.DeleteFunc(b.entries, func(have Entry) bool { return have.ID == id })
	b.index()
	return len(b.entries) < n
}

// Stats returns what was counted since NewBook.
func (b *Book) Stats() Stats { return b.stats }

// Expires is how long a verdict counts.
func (b *Book) Expires() time.Duration { return b.cfg.Expires }

// Len is the number of verdicts held.
func (b *Book) Len() int { return len(b.entries) }

func (b *Book) trim() {
	if over := len(b.entries) - b.cfg.MaxEntries; over > 0 {
		b.entries = slices.Delete(b.entries, 0, over)
		b.stats.Dropped += uint64(over)
	}
}

// expire forgets verdicts whose time is over.
func (b *Book) expire(now time.Time) {
	n := len(b.entries)
	b.entries = slices.DeleteFunc(b.entries, func(e Entry) bool { return now.Sub(e.At) >= b.cfg.Expires })
	b.stats.Expired += uint64(n - len(b.entries))
}

// index is made anew with every change: verdicts are rare, findings are not.
func (b *Book) index() {
	clear(b.byKey)
	for i := range b.entries {
		if k, err := keyOf(&b.entries[i]); err == nil { // Add made sure
			b.byKey[k] = append(b.byKey[k], i)
		}
	}
}

func keyOf(e *Entry) (key, error) {
	if a, err := netip.ParseAddr(e.Subject); err == nil {
		return key{netip.PrefixFrom(a, a.BitLen()), e.Kind}, nil
	}
	p, err := netip.ParsePrefix(e.Subject)
	if err != nil {
		return key{}, fmt.Errorf("feedback: %q is neither an address nor a prefix", e.Subject)
	}
	return key{p.Masked(), e.Kind}, nil
}

// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"tidewatch/decision"
)

// Rails judges decisions by one configuration. It keeps nothing between calls, and may
// be asked from several goroutines.
type Rails struct {
	cfg     Config
	own     []netip.Prefix // may be announced; none lies in another
	inside  []netip.Prefix // own and internal: firewalls and hooks may act on them
	never   []Protected    // configured, and known to all the world
	special []Protected
	rails   []rail
}

// rail is one guard. Each asks its own question, and none relies on another.
type rail struct {
	name string
	form bool // about what the rule is; nothing else can be said of one that is none
	ask  func(*question)
}

func rails() []rail {
	return []rail{
		{"addresses", true, (*question).addresses},
		{"match", true, (*question).match},
		{"own", false, (*question).own},
		{"length", false, (*question).length},
		{"never", false, (*question).never},
		{"end", false, (*question).end},
		{"rate", false, (*question).rate},
		{"twice", false, (*question).twice},
		{"caps", false, (*question).caps},
		{"pace", false, (*question).pace},
		{"cut off", false, (*question).cutOff},
		{"verdict", false, (*question).verdict},
		{"alone", false, (*question).alone},
		{"collateral", false, (*question).collateral},
		{"outer end", false, (*question).outerEnd},
	}
}

// New returns an error when the configuration cannot be meant.
func New(cfg *Config) (*Rails, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("guard: %w", err)
	}
	r := &Rails{cfg: *cfg, own: outermost(cfg.Own), never: wellKnown(), special: special(), rails: rails()}
	r.cfg.Automatic = slices.Clone(cfg.Automatic)
	if cfg.Pretend && len(cfg.Own) == 0 {
		r.own = outermost(routed(cfg.Internal))
	}
	r.inside = outermost(append(append([]netip.Prefix(nil), cfg.Own...), routed(cfg.Internal)...))
	for _, text := range cfg.Never {
		p, err := network(text)
		if err != nil {
			return nil, fmt.Errorf("guard: never: %w", err)
		}
		r.never = append(r.never, Protected{p, "configured"})
	}
	return r, nil
}

// Check judges a rule that is to be brought in force, or an approval.
func (r *Rails) Check(now time.Time, d *decision.Decision, g *Ground, s *Standing) Ruling {
	return r.judge(&question{r: r, now: now, d: d, g: g, s: s})
}

// Recheck judges a rule that holds already: at the start, after a change of the
// configuration or of what is protected, and before it is renewed, with its new end. It
// differs from Check in two things. The rule was counted by the minute when it began. And
// where rules are counted, those count that stood before it: when a cap falls from 10
// to 5 the newest five go, not all ten. What is held now, and no person has approved, is
// for the caller to take back or to ask for.
func (r *Rails) Recheck(now time.Time, d *decision.Decision, g *Ground, s *Standing) Ruling {
	return r.judge(&question{r: r, now: now, d: d, g: g, s: s, standing: true})
}

func (r *Rails) judge(q *question) Ruling {
	malformed := false
	for i := range r.rails {
		rail := &r.rails[i]
		if malformed && !rail.form {
			break
		}
		rail.ask(q)
		malformed = malformed || rail.form && len(q.out.Refused) > 0
	}
	if len(q.out.Refused) == 0 {
		q.out.Lease = q.r.Longest(q.g.Person)
	}
	return q.out
}

// question is one decision before the guards.
type question struct {
	r        *Rails
	now      time.Time
	d        *decision.Decision
	g        *Ground
	s        *Standing
	standing bool // it holds already
	out      Ruling
}

func (q *question) refuse(format string, args ...any) {
	q.out.Refused = append(q.out.Refused, fmt.Sprintf(format, args...))
}

func (q *question) hold(format string, args ...any) {
	q.out.Held = append(q.out.Held, fmt.Sprintf(format, args...))
}

// others calls f with each other rule that counts beside this one.
func (q *question) others(f func(*decision.Decision)) {
	for i := range q.s.Active {
		o := &q.s.Active[i]
		if o.State.Over() || o.ID == q.d.ID && o.ID != "" || q.standing && !stoodBefore(o, q.d) {
			continue
		}
		f(o)
	}
}

// stoodBefore orders rules by when they came in force, then by when they were decided.
func stoodBefore(a, b *decision.Decision) bool {
	if a.Activated.IsZero() != b.Activated.IsZero() {
		return b.Activated.IsZero()
	}
	return cmp.Or(a.Activated.Compare(b.Activated), a.Created.Compare(b.Created), cmp.Compare(a.ID, b.ID)) < 0
}

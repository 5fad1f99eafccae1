// SPDX-License-Identifier: Apache-2.0

package mitigate

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"tidewatch/decision"
	"tidewatch/guard"
)

// Mode says how far decisions go.
type Mode string

// The modes.
const (
	Off    Mode = "off"
	DryRun Mode = "dry_run" // everything is decided, kept and shown; nothing is done
	Act    Mode = "act"
)

// Vantage is where the exporters stand: do they tell of traffic before the routers or
// firewalls that drop it, or of what is left behind them?
type Vantage string

// The vantages.
const (
	Before       Vantage = "before"
	After        Vantage = "after"
	NobodyKnows  Vantage = "unknown"
	automatic            = "automatic"
	byPerson             = "person"
	maxRules             = 100 // of a policy, and steps of a ladder below
	maxSteps             = 8
	shortest             = 10 * time.Second // of leases: routers need seconds to take a rule up
	longestLease         = 24 * time.Hour
)

// Config says what is done about incidents, and what never.
type Config struct {
	Mode           Mode          `yaml:"mode"`             // off, dry_run (everything is decided, kept and shown, and nothing is done) or act
	Sees           Vantage       `yaml:"sees"`             // whether exporters tell of traffic before the routers or firewalls that drop it (before), of what is left behind them (after), or nobody knows (unknown); effects are judged, and rules that do not help taken back, only when it is before, and a stronger step follows by itself only when it is after
	WithdrawOnStop bool          `yaml:"withdraw_on_stop"` // a clean stop takes everything back; else rules go when their sessions or times end, and a start within that time takes them over
	Policy         []Rule        `yaml:"policy"`           // what to do about which incident: name, category, vectors, min_severity, min_confidence, prefixes, groups, approve, ladder (docs/explanation/when-we-act.md); the first rule that fits counts
	ApplyWithin    time.Duration `yaml:"apply_within"`     // a rule that is not in force by then has failed, and the same step is tried again a minute later while the attack is seen
	Guard          guard.Config  `yaml:"guard"`
}

// Rule says what to do about incidents of one sort. What is not set fits everything.
type Rule struct {
	Name             string         `yaml:"name"`                // by which decisions name it
	Category         string         `yaml:"category"`            // of the incident: ddos_attack, data_exfiltration, ...
	Kinds            []string       `yaml:"kinds"`               // any of these kinds
	Vectors          []string       `yaml:"vectors"`             // any of these vectors
	MinSeverity      string         `yaml:"min_severity"`        // this severity, as judged lately, or above
	MinConfidence    float64        `yaml:"min_confidence"`      // how sure the rules are that it is a threat; a model's opinion never counts
	MinBitsPerSecond uint64         `yaml:"min_bits_per_second"` // peak of the attack, for ladders that begin high when the link is full
	Prefixes         []netip.Prefix `yaml:"prefixes"`            // the subject lies in one of these
	Groups           []string       `yaml:"groups"`              // the subject lies in one of these groups of notify.groups, or in critical
	Approve          string         `yaml:"approve"`             // automatic or person; person when not set
	Ladder           []Step         `yaml:"ladder"`              // what to do first, and what when that does not help; none: do nothing
}

// Step is one rung of a ladder.
type Step struct {
	Action  decision.Action `yaml:"action"`  // flowspec_rate_limit, flowspec_drop, blackhole, divert, block, rate_limit, quarantine, hook
	Scope   string          `yaml:"scope"`   // of a blackhole: host, or prefix; host when not set
	Rate    uint64          `yaml:"rate"`    // bytes per second that a limit lets through; not set: 1000000
	Via     string          `yaml:"via"`     // bgp, nftables or the name of a hook; not set: the first that can
	Approve string          `yaml:"approve"` // automatic or person, for this step alone
	After   time.Duration   `yaml:"after"`   // how long the step before may go without helping; not set: 30s
	Lease   time.Duration   `yaml:"lease"`   // after that the rule goes, to see whether the attack does; each time it comes back the lease is doubled; not set: 1m for attacks, 1h for the rest
	Longest time.Duration   `yaml:"longest"` // lease that doubling leads to; not set: 30m for attacks, 24h for the rest
	Total   time.Duration   `yaml:"total"`   // after that a person must decide; not set: 24h
}

// DefaultConfig decides and does nothing. Its ladders begin with what hurts least; what
// makes a host unreachable waits for a person.
func DefaultConfig() Config {
	return Config{
		Mode: DryRun, Sees: NobodyKnows, WithdrawOnStop: true, ApplyWithin: 30 * time.Second, Guard: guard.DefaultConfig(),
		Policy: []Rule{
			{
				Name: "attacks", Category: "ddos_attack", Kinds: []string{"ddos"}, MinSeverity: "high", MinConfidence: 0.8, Approve: automatic,
				Ladder: []Step{
					{Action: decision.FlowSpecRateLimit},
					{Action: decision.FlowSpecDrop},
					{Action: decision.Blackhole, Approve: byPerson},
					{Action: decision.Blackhole, Scope: "prefix", Approve: byPerson},
				},
			},
			{Name: "theft", Category: "data_exfiltration", MinSeverity: "high", MinConfidence: 0.8, Approve: byPerson, Ladder: []Step{{Action: decision.Block}, {Action: decision.Quarantine}}},
			{Name: "orders", Category: "command_and_control", MinSeverity: "high", MinConfidence: 0.8, Approve: byPerson, Ladder: []Step{{Action: decision.Block}, {Action: decision.Quarantine}}},
		},
	}
}

// Validate reports the first value that makes no sense.
func (c *Config) Validate() error {
	if !slices.Contains([]Mode{Off, DryRun, Act}, c.Mode) {
		return fmt.Errorf("mode must be off, dry_run or act, not %q", c.Mode)
	}
	if !slices.Contains([]Vantage{Before, After, NobodyKnows}, c.Sees) {
		return fmt.Errorf("sees must be before, after or unknown, not %q", c.Sees)
	}
	if c.ApplyWithin < time.Second || c.ApplyWithin > 10*time.Minute {
		return errors.New("apply_within must lie between 1s and 10m")
	}
	if len(c.Policy) > maxRules {
		return fmt.Errorf("policy has more than %d rules", maxRules)
	}
	names := map[string]bool{}
	for i := range c.Policy {
		r := &c.Policy[i]
		if err := r.validate(); err != nil {
			return fmt.Errorf("policy: rule %d (%s): %w", i+1, r.Name, err)
		}
		if names[r.Name] {
			return fmt.Errorf("policy: two rules have the name %s", r.Name)
		}
		names[r.Name] = true
	}
	if err := c.Guard.Validate(); err != nil {
		return fmt.Errorf("guard: %w", err)
	}
	return nil
}

func (r *Rule) validate() error {
	switch {
	case r.Name == "" || len(r.Name) > 64:
		return errors.New("a name of 1 to 64 letters is needed")
	case r.MinConfidence < 0 || r.MinConfidence > 1:
		return errors.New("min_confidence must lie between 0 and 1")
	case r.MinSeverity != "" && !slices.Contains([]string{"low", "medium", "high", "critical"}, r.MinSeverity):
		return fmt.Errorf("min_severity must be low, medium, high or critical, not %q", r.MinSeverity)
	case len(r.Ladder) > maxSteps:
		return fmt.Errorf("a ladder has at most %d steps", maxSteps)
	}
	if err := approval(r.Approve); err != nil {
		return err
	}
	for i := range r.Ladder {
		if err := r.Ladder[i].validate(); err != nil {
			return fmt.Errorf("step %d: %w", i+1, err)
		}
	}
	return nil
}

func approval(s string) error {
	if s != "" && s != automatic && s != byPerson {
		return fmt.Errorf("approve must be automatic or person, not %q", s)
	}
	return nil
}

func (s *Step) validate() error {
	switch {
	case !s.Action.Known():
		return fmt.Errorf("there is no action %q; there are %v", s.Action, decision.Actions())
	case s.Scope != "" && s.Scope != "host" && s.Scope != "prefix":
		return fmt.Errorf("scope must be host or prefix, not %q", s.Scope)
	case s.Scope == "prefix" && s.Action != decision.Blackhole && s.Action != decision.Divert:
		return errors.New("only a blackhole and a diversion have a scope")
	case s.Rate != 0 && !s.Action.Limits():
		return fmt.Errorf("%s takes no rate", s.Action)
	case s.After != 0 && (s.After < time.Second || s.After > time.Hour):
		return errors.New("after must lie between 1s and 1h")
	}
	for _, l := range []struct {
		name string
		time.Duration
		most time.Duration
	}{{"lease", s.Lease, longestLease}, {"longest", s.Longest, longestLease}, {"total", s.Total, 31 * 24 * time.Hour}} {
		if l.Duration != 0 && (l.Duration < shortest || l.Duration > l.most) {
			return fmt.Errorf("%s must lie between %v and %v", l.name, shortest, l.most)
		}
	}
	if s.Lease != 0 && s.Longest != 0 && s.Longest < s.Lease {
		return errors.New("longest is shorter than lease")
	}
	return approval(s.Approve)
}

// The defaults of a step. A minute is long enough to see an attack go on once the rule is
// gone, and short enough to give a host back that is attacked no more; half an hour of
// outage for a few seconds of proof is the most that anybody would want. Who steals data
// does not stop within minutes.
func (s *Step) leases(attack bool) (first, longest, total time.Duration) {
	first, longest, total = time.Hour, longestLease, longestLease
	if attack {
		first, longest = time.Minute, 30*time.Minute
	}
	if s.Lease != 0 {
		first = s.Lease
	}
	if s.Longest != 0 {
		longest = s.Longest
	}
	if s.Total != 0 {
		total = s.Total
	}
	return first, max(first, longest), total
}

func (s *Step) after() time.Duration {
	if s.After == 0 {
		return 30 * time.Second
	}
	return s.After
}

// Limit is what a limit lets through: 8 Mbit/s keeps a busy server's answers coming and is
// no load for any uplink that carries one.
func (s *Step) Limit() uint64 {
	switch {
	case !s.Action.Limits():
		return 0
	case s.Rate == 0:
		return 1_000_000
	}
	return s.Rate
}

// Leases are the times that a step of a rule gives: first, longest, and in all.
func (s *Step) Leases(r *Rule) (first, longest, total time.Duration) {
	return s.leases(r.Category == "" || r.Category == "ddos_attack")
}

// Alone reports whether a step needs no person.
func (r *Rule) Alone(step int) bool {
	if how := r.Ladder[step].Approve; how != "" {
		return how == automatic
	}
	return r.Approve == automatic
}

// ShortestLease is the shortest time that the policy gives a rule.
func (c *Config) ShortestLease() time.Duration {
	least := longestLease
	for i := range c.Policy {
		r := &c.Policy[i]
		for n := range r.Ladder {
			first, _, _ := r.Ladder[n].Leases(r)
			least = min(least, first)
		}
	}
	return least
}

// Named reports a step that names an actuator which is none of these.
func (c *Config) Named(actuators []string) error {
	for i := range c.Policy {
		for n := range c.Policy[i].Ladder {
			s := &c.Policy[i].Ladder[n]
			if s.Via != "" && !slices.Contains(actuators, s.Via) {
				return fmt.Errorf("policy: rule %s: step %d: there is no actuator %s; there are %v", c.Policy[i].Name, n+1, s.Via, actuators)
			}
		}
	}
	return nil
}

// SPDX-License-Identifier: Apache-2.0

package hook

import (
	"crypto/rand"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"tidewatch/decision"
)

// What the other side is told to do.
const (
	apply    = "apply"    // bring a rule in force until its Until
	renew    = "renew"    // it has a later Until; who does not know the rule does as with apply
	withdraw = "withdraw" // take it back; who does not know it has nothing to do
	test     = "test"     // nothing: somebody tries the hook out
)

func changes() []string { return []string{apply, renew, withdraw, test} }

// change is one thing that the other side is told.
type change struct {
	verb     string
	at       time.Time
	decision *decision.Decision // nil in a test
}

// seconds until the rule ends, 0 when it has or when nothing is known of an end.
func (c *change) seconds() int64 {
	if c.decision == nil || c.decision.Until.IsZero() {
		return 0
	}
	return max(0, int64((c.decision.Until.Sub(c.at)+time.Second-1)/time.Second))
}

// key is the same when the same change is told again. It does not tell apply from renew,
// so that what was applied before a restart is not applied again after it.
func (c *change) key() string {
	switch c.verb {
	case test:
		return "test-" + strings.ToLower(rand.Text()[:16])
	case withdraw:
		return c.decision.ID + ".withdraw"
	}
	return c.decision.ID + "." + strconv.FormatInt(c.decision.Until.UnixMilli(), 10)
}

// environ is what a script finds of the decision in its environment. These are numbers,
// addresses and words of ours; texts, which others may have written, stand in the JSON
// alone.
func (c *change) environ() []string {
	out := []string{"TIDEWATCH_CHANGE=" + c.verb}
	d := c.decision
	if d == nil {
		return out
	}
	add := func(name, value string) {
		if value != "" {
			out = append(out, "TIDEWATCH_"+name+"="+value)
		}
	}
	for _, v := range words(d) {
		add(v[0], v[1])
	}
	if d.Target.IsValid() {
		add("TARGET", decision.PrefixText(d.Target))
	}
	if d.Rate > 0 {
		add("RATE", strconv.FormatUint(d.Rate, 10))
	}
	if m := &d.Match; !d.Action.Whole() {
		for _, f := range set(m) {
			add(strings.ToUpper(f), matched(m, f))
		}
	}
	if !d.Until.IsZero() {
		add("UNTIL", d.Until.UTC().Format(time.RFC3339))
		add("SECONDS", strconv.FormatInt(c.seconds(), 10))
	}
	return out
}

// words are the texts of a decision that reach a script's environment or arguments.
func words(d *decision.Decision) [][2]string {
	return [][2]string{
		{"ID", d.ID},
		{"ACTION", string(d.Action)},
		{"SCOPE", d.Scope},
		{"INCIDENT", d.Incident},
		{"CATEGORY", d.Category},
		{"KIND", d.Kind},
		{"VECTOR", d.Vector},
		{"SEVERITY", d.Severity},
		{"ORIGIN", d.Origin},
	}
}

// plain refuses a decision with a word that a careless script could take for something
// else: an option, a path, a command.
func plain(d *decision.Decision) error {
	word := regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.+-]{0,99}$`)
	if d.ID == "" {
		return errors.New("the decision has no id")
	}
	for _, v := range words(d) {
		if v[1] != "" && !word.MatchString(v[1]) {
			return fmt.Errorf("%q is no %s that a hook could be given", v[1], strings.ToLower(v[0]))
		}
	}
	if p := d.Match.Protocol; p != "" && !word.MatchString(p) {
		return fmt.Errorf("%q is no protocol that a hook could be given", p)
	}
	return nil
}

// set lists the fields of a match that narrow it.
func set(m *decision.Match) []string {
	return slices.DeleteFunc(fields(), func(f string) bool { return matched(m, f) == "" })
}

// matched is one field of a match as text; empty when it is not set.
func matched(m *decision.Match, field string) string {
	port := func(p uint16) string {
		if p == 0 {
			return ""
		}
		return strconv.Itoa(int(p))
	}
	switch field {
	case "source":
		if m.Source.IsValid() {
			return decision.PrefixText(m.Source)
		}
	case "destination":
		if m.Destination.IsValid() {
			return decision.PrefixText(m.Destination)
		}
	case "protocol":
		return m.Protocol
	case "source_port":
		return port(m.SrcPort)
	case "destination_port":
		return port(m.DstPort)
	case "tcp_flags":
		return m.Flags
	case "packet_bytes":
		if r := m.PacketBytes; r != nil {
			return fmt.Sprintf("%d-%d", r.From, r.To)
		}
	case "fragment":
		if m.Fragment {
			return "true"
		}
	}
	return ""
}

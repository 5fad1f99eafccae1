// SPDX-License-Identifier: Apache-2.0

package scenario

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"tidewatch/flow"
)

// act is one thing that a device of the office does on request (Config.Inject), each
// by a device of its own, towards strangers of its own, from the first such hour of
// day at or after AttackAt. What it needs as a past it does from the first day on.
type act struct {
	name, about string
	hour        int  // local hour at which it begins
	who         int  // number of the workstation, where one does it
	v6          bool // over IPv6
	build       func(s *Scenario, a *act)

	from int64 // Unix second at which it begins
}

// client is the workstation that acts.
func (a *act) client() flow.Addr { return workstation(a.who, a.v6) }

// other is stranger number k of the act.
func (a *act) other(s *Scenario, k uint64) flow.Addr {
	return s.gen.net.stranger(kindAct, uint64(a.who)<<16|k, a.v6)
}

// tells lists the act as something to find, or, without a kind, as innocent.
func (a *act) tells(s *Scenario, category, kind string, subject flow.Addr, to int64) {
	t := truthOf(category, kind, "", subject)
	t.Injection, t.Note, t.MustNotAlert = a.name, a.about, kind == ""
	if kind == "" {
		t.Kind = "exfiltration"
	}
	s.tell(t, a.from, to)
}

// acts lists what can be done in the office: first what steals, then what does not, then
// the former over IPv6.
func acts() []act {
	return slices.Concat(thefts(), hiddenActs(), errands(), strays(), overSix())
}

// Acts are the names of what can be done in the office.
func Acts() []string {
	all := acts()
	names := make([]string, len(all))
	for i := range all {
		names[i] = all[i].name
	}
	return names
}

// stage puts the acts that were asked for on top of the office.
func (s *Scenario) stage() {
	begin, _ := s.event()
	all := acts()
	for i := range all {
		a := &all[i]
		if !slices.Contains(s.cfg.Inject, a.name) {
			continue
		}
		s.gen.tick(begin)
		day, _, hour := s.gen.local(begin)
		if hour > float64(a.hour) {
			day++
		}
		a.from = s.midnight(day).Unix() + int64(a.hour)*3600
		a.build(s, a)
	}
}

// knownInjections names the first injection that the scenario does not have.
func knownInjections(d *definition, names []string) error {
	var known []string
	switch d.name {
	case "fleet":
		known = Injections()
	case "office":
		known = Acts()
	}
	for _, n := range names {
		switch {
		case known == nil:
			return errors.New("nothing can be injected; that is for office and fleet")
		case !slices.Contains(known, n):
			return fmt.Errorf("injection %q is unknown; known are %s", n, strings.Join(known, ", "))
		}
	}
	return nil
}

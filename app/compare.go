// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"tidewatch/incident"
)

// Comparison is what two configurations make of the same flows: a back-test.
type Comparison struct {
	Version int                 `json:"version"`
	Input   ResultInput         `json:"input"`
	Same    int                 `json:"same"`    // incidents that both find, of one severity and vector
	Changed []Change            `json:"changed"` // that both find, but not as the same
	Only    []incident.Incident `json:"only"`    // that the proposed configuration alone finds
	Missing []incident.Incident `json:"missing"` // that the other alone finds
}

// Change is an incident as each of the two finds it.
type Change struct {
	Proposed incident.Incident `json:"proposed"`
	Other    incident.Incident `json:"other"`
}

// Compare judges the files by both configurations. Incidents are the same that are of
// one kind and subject and overlap in time.
func Compare(ctx context.Context, proposed, other *Config, o, oo *AnalyzeOptions) (*Comparison, error) {
	x, err := Analyze(ctx, proposed, o)
	if err != nil {
		return nil, err
	}
	y, err := Analyze(ctx, other, oo)
	if err != nil {
		return nil, err
	}
	return compare(x, y), nil
}

func compare(x, y *Result) *Comparison {
	c := &Comparison{Version: 1, Input: x.Input, Changed: []Change{}, Only: []incident.Incident{}, Missing: []incident.Incident{}}
	taken := make([]bool, len(y.Incidents))
	for i := range x.Incidents {
		a := &x.Incidents[i]
		match := -1
		for k := range y.Incidents {
			if !taken[k] && alike(a, &y.Incidents[k]) {
				match = k
				break
			}
		}
		switch {
		case match < 0:
			c.Only = append(c.Only, *a)
			continue
		case a.Severity == y.Incidents[match].Severity && a.Vector == y.Incidents[match].Vector:
			c.Same++
		default:
			c.Changed = append(c.Changed, Change{*a, y.Incidents[match]})
		}
		taken[match] = true
	}
	for k := range y.Incidents {
		if !taken[k] {
			c.Missing = append(c.Missing, y.Incidents[k])
		}
	}
	return c
}

// alike reports whether two incidents tell the same.
func alike(a, b *incident.Incident) bool {
	return a.Category == b.Category && a.Kind == b.Kind && a.Subject == b.Subject && !a.Started.After(b.LastSeen) && !b.Started.After(a.LastSeen)
}

// WriteText prints the comparison for people.
func (c *Comparison) WriteText(w io.Writer, proposed, other string) error {
	var b strings.Builder
	line := func(i *incident.Incident) {
		fmt.Fprintf(&b, "  %s  %s, %s\n", i.Started.Format(time.RFC3339), i.Headline(), duration(i.LastSeen.Sub(i.Started)))
	}
	fmt.Fprintf(&b, "%s; %s the same by both\n", counted(c.Input.Flows, "flow"), counted(c.Same, "incident"))
	if len(c.Only) > 0 {
		fmt.Fprintf(&b, "\nonly by %s: %d\n", proposed, len(c.Only))
		for i := range c.Only {
			line(&c.Only[i])
		}
	}
	if len(c.Missing) > 0 {
		fmt.Fprintf(&b, "\nonly by %s: %d\n", other, len(c.Missing))
		for i := range c.Missing {
			line(&c.Missing[i])
		}
	}
	if len(c.Changed) > 0 {
		fmt.Fprintf(&b, "\nfound by both, but not as the same: %d\n", len(c.Changed))
		for i := range c.Changed {
			p, q := &c.Changed[i].Proposed, &c.Changed[i].Other
			line(p)
			fmt.Fprintf(&b, "    by %s: %s\n", other, q.Headline())
		}
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("print the comparison: %w", err)
	}
	return nil
}

// duration writes how long something lasted, without fractions of a second.
func duration(d time.Duration) string { return d.Round(time.Second).String() }

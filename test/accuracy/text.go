// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// text renders the report as Markdown that is aligned for a terminal, too.
func (r *report) text() string {
	var b strings.Builder
	say := func(format string, args ...any) { _, _ = fmt.Fprintf(&b, format, args...) }
	networks := "networks"
	if len(r.Seeds) == 1 {
		networks = "network"
	}
	say("%d %s of %d devices (seeds %d to %d), %d days that only teach, %d days judged: %.0f device-weeks, %.3g flows, %.3g packets, %.3g bytes.\n\n",
		len(r.Seeds), networks, r.Devices, r.Seeds[0], r.Seeds[len(r.Seeds)-1], r.TrainDays, r.JudgedDays,
		r.DeviceWeeks, float64(r.Flows), float64(r.Packets), float64(r.Bytes))
	say("False alerts per device-week: **%.4f** of medium and above, **%.4f** of high and above.\n\n", r.Medium, r.High)
	say("%s\n", rates("incidents by kind", r.Kinds))
	say("%s\n", rates("by role of the device", r.Roles))
	say("%s", rates("by what was going on", r.Occasions))
	if len(r.Events) > 0 {
		t := append(make(table, 0, 1+len(r.Events)), []string{"injected", "role", "seed", "found", "severity", "as", "z", "hours", "further", "by chance"})
		for i := range r.Events {
			t = append(t, r.Events[i].cells())
		}
		say("\n%s", t.String())
	}
	return b.String()
}

// rates is a table of counts, with the alerts per device-week of each row.
func rates(title string, c *counts) string {
	t := append(make(table, 0, 1+len(c.Rows)), []string{title, "low", "medium", "high", "critical", "medium+ per device-week", "high+ per device-week"})
	for i := range c.Rows {
		r := &c.Rows[i]
		cells := []string{r.Name}
		for _, n := range r.Severities {
			cells = append(cells, strconv.Itoa(n))
		}
		for _, n := range []int{r.medium(), r.high()} {
			if r.DeviceWeeks > 0 {
				cells = append(cells, fmt.Sprintf("%.4f", float64(n)/r.DeviceWeeks))
			} else {
				cells = append(cells, "")
			}
		}
		t = append(t, cells)
	}
	return t.String()
}

func (e *injected) cells() []string {
	found := "**missed**"
	switch {
	case e.Harmless && e.OK:
		found = "no attack, right"
	case e.Harmless:
		found = "**false**"
	case e.OK:
		found = "found"
	}
	cells := []string{e.Name, e.Role, strconv.FormatUint(e.Seed, 10), found, string(e.Severity), e.Said, "", "", "", fmt.Sprintf("%.0f %%", 100*e.Chance)}
	if e.Said != "" {
		cells[6], cells[7], cells[8] = fmt.Sprintf("%.1f", e.Sigma), fmt.Sprintf("%.1f", e.Hours), strconv.Itoa(e.Further)
	}
	return cells
}

// table is rows of cells, the first of them the head.
type table [][]string

// String aligns the columns.
func (t table) String() string {
	widths := make([]int, len(t[0]))
	for _, cells := range t {
		for i, c := range cells {
			widths[i] = max(widths[i], utf8.RuneCountInString(c))
		}
	}
	var b strings.Builder
	for n, cells := range t {
		for i, c := range cells {
			b.WriteString("| " + c + strings.Repeat(" ", widths[i]-utf8.RuneCountInString(c)) + " ")
		}
		b.WriteString("|\n")
		if n == 0 {
			for _, w := range widths {
				b.WriteString("|" + strings.Repeat("-", w+2))
			}
			b.WriteString("|\n")
		}
	}
	return b.String()
}

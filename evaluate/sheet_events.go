// SPDX-License-Identifier: Apache-2.0

package evaluate

import (
	"bufio"
	"fmt"
	"io"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// isEventLine knows a line such as
//
//	[1678444220.741 -- 2023-03-10 10:30:20 -- 46.66] [BAD-MITM-START] Manual MITM starts
func isEventLine(line string) bool {
	_, ok := eventLine(line)
	return ok
}

// logged is one line of a log of events.
type logged struct {
	after      time.Duration // since the log began
	name, text string
}

func eventLine(line string) (l logged, ok bool) {
	head, rest, ok := strings.Cut(strings.TrimSpace(line), "] [")
	if !ok || !strings.HasPrefix(head, "[") {
		return l, false
	}
	parts := strings.Split(head[1:], " -- ")
	if len(parts) != 3 {
		return l, false
	}
	sec, err := strconv.ParseFloat(parts[2], 64)
	if err != nil || !(sec >= 0 && sec < 1e8) {
		return l, false
	}
	l.after = time.Duration(sec * float64(time.Second))
	l.name, l.text, ok = strings.Cut(rest, "]")
	return l, ok
}

// readEvents reads a log of events, each with a start and an end, first being its
// first line. Times are those since the beginning of the log: clocks of logs and
// captures differ, by an hour in the data set that has this format. Addresses in the
// text of an event are those concerned.
func readEvents(first string, lines *bufio.Scanner, s *Sheet) error {
	s.Format = "events"
	open := map[string]int{}
	take := func(line string) {
		l, ok := eventLine(line)
		if !ok {
			return
		}
		if action, found := strings.CutSuffix(l.name, "-START"); found {
			if len(s.Events) >= maxEvents {
				s.Lost++
				return
			}
			n := named(action)
			open[action] = len(s.Events)
			s.Events = append(s.Events, Event{
				Name: action, Class: n.class, Subtype: n.subtype, Who: addressesIn(l.text), after: l.after, until: l.after, relative: true,
			})
			return
		}
		if action, found := strings.CutSuffix(l.name, "-END"); found {
			if at, ok := open[action]; ok {
				s.Events[at].until = l.after
				delete(open, action)
			}
		}
	}
	take(first)
	for lines.Scan() {
		take(lines.Text())
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("read events: %w", err)
	}
	if len(s.Events) == 0 {
		return io.ErrUnexpectedEOF
	}
	return nil
}

func addressesIn(text string) (out []netip.Addr) {
	for _, word := range strings.FieldsFunc(text, func(r rune) bool { return r == ' ' || r == ',' || r == '(' || r == ')' || r == '|' }) {
		if a, err := netip.ParseAddr(strings.TrimRight(word, ".;:")); err == nil && len(out) < maxWho {
			out = append(out, a)
		}
	}
	return out
}

// SPDX-License-Identifier: Apache-2.0

package evaluate

import (
	"net/netip"
	"slices"
	"time"
)

// Sheet is what the labels of one capture say: what went on in it, and which
// devices had no part in that. Others than labels.tsv are read into sheets.
type Sheet struct {
	Path   string
	Format string // zeek, binetflow, flows or events
	Events []Event
	Benign []netip.Addr // addresses with traffic that is labelled, and none of it bad; nil: not known
	Flows  int          // labelled rows read
	Lost   int          // rows, events and devices beyond the bounds of a sheet
}

// Event is one stretch of what has one name.
type Event struct {
	Name     string // as the label has it
	Class    string // of the names table
	Subtype  string
	Who      []netip.Addr // everybody concerned; empty: not said
	From, To time.Time

	after, until time.Duration // of a log of events: since its beginning, see place
	relative     bool
}

const (
	maxEvents  = 4096    // of a sheet
	maxWho     = 256     // of an event; with more, it is about anybody
	maxDevices = 1 << 18 // of a sheet, others than its own among them

	// apart is how long nothing of a name must be seen for the next to be another event.
	apart = time.Hour
)

// place gives the events of a log their times, in a capture that began then.
func (s *Sheet) place(began time.Time) {
	for i := range s.Events {
		if e := &s.Events[i]; e.relative {
			e.From, e.To = began.Add(e.after), began.Add(e.until)
		}
	}
}

// builder gathers the flows of one name.
type builder struct {
	sheet   *Sheet
	open    map[string]int      // newest event of a name
	devices map[netip.Addr]bool // true: with bad traffic
	many    map[int]bool        // events of more than maxWho
	names   map[string]meaning
	who     map[int]map[netip.Addr]bool
}

func newBuilder(s *Sheet) *builder {
	return &builder{
		sheet: s, open: map[string]int{}, devices: map[netip.Addr]bool{}, many: map[int]bool{}, who: map[int]map[netip.Addr]bool{},
		names: map[string]meaning{},
	}
}

// flow takes one row; one without a label says nothing. Rows come about in the order of their times.
func (b *builder) flow(name string, start, end time.Time, ends [2]netip.Addr) {
	if name == "" {
		return
	}
	b.sheet.Flows++
	n := b.meaning(name)
	bad := n.class != "benign"
	for _, a := range ends {
		known, ok := b.devices[a]
		if !ok && len(b.devices) >= maxDevices {
			b.sheet.Lost++
			continue
		}
		b.devices[a] = known || bad
	}
	if !bad {
		return
	}
	at, ok := b.open[name]
	if !ok || start.Sub(b.sheet.Events[at].To) > apart {
		if len(b.sheet.Events) >= maxEvents {
			b.sheet.Lost++
			return
		}
		at = len(b.sheet.Events)
		b.open[name] = at
		b.who[at] = map[netip.Addr]bool{}
		b.sheet.Events = append(b.sheet.Events, Event{Name: name, Class: n.class, Subtype: n.subtype, From: start, To: end})
	}
	e := &b.sheet.Events[at]
	if start.Before(e.From) {
		e.From = start
	}
	if end.After(e.To) {
		e.To = end
	}
	for _, a := range ends {
		if b.many[at] || b.who[at][a] {
			continue
		}
		if len(e.Who) >= maxWho {
			b.many[at], e.Who = true, nil
			b.sheet.Lost++
			continue
		}
		b.who[at][a] = true
		e.Who = append(e.Who, a)
	}
}

// meaning remembers what names stand for: there are few, on many rows.
func (b *builder) meaning(name string) meaning {
	n, ok := b.names[name]
	if !ok {
		n = named(name)
		if len(b.names) < maxEvents {
			b.names[name] = n
		}
	}
	return n
}

// done fills in the devices without bad traffic.
func (b *builder) done() {
	for a, bad := range b.devices {
		if !bad {
			b.sheet.Benign = append(b.sheet.Benign, a)
		}
	}
	slices.SortFunc(b.sheet.Benign, netip.Addr.Compare)
}

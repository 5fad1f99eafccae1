// SPDX-License-Identifier: Apache-2.0

package flowfile

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"tidewatch/flow"
)

// Reasons that several formats share. Those that begin with IgnoredPrefix count
// rows which are whole but describe no flow; they are no damage and do not
// count as skipped.
const (
	IgnoredPrefix  = "ignored_"
	ReasonLine     = "bad_line"      // a line that does not have the format's shape
	ReasonLongLine = "long_line"     // a line above MaxLine bytes
	ReasonCut      = "cut_off"       // the input ends inside a record
	ReasonAddress  = "bad_address"   // an address that is none
	ReasonTime     = "bad_time"      // a time that is missing or is none
	ReasonNumber   = "bad_number"    // a count or port that is no number or out of range
	ReasonProtocol = "bad_protocol"  // a protocol nobody knows
	ReasonNoField  = "missing_field" // a record without a field it needs
)

// maxNotes is how many damaged places are named one by one.
const maxNotes = 5

// Tally counts what a reader hands out and leaves out.
type Tally struct {
	stats   Stats
	ignored map[string]uint64
}

// NewTally returns an empty tally for a format.
func NewTally(format string) *Tally {
	return &Tally{
		stats:   Stats{Format: format, Reasons: map[string]uint64{}},
		ignored: map[string]uint64{},
	}
}

// Add counts one record handed out, with its packets and bytes as written.
func (t *Tally) Add(packets, bytes uint64) {
	t.stats.Records++
	t.stats.Packets += packets
	t.stats.Bytes += bytes
}

// Records is the number of records handed out so far.
func (t *Tally) Records() uint64 { return t.stats.Records }

// Skip counts one damaged record, line or block. where and what name the place
// and the trouble for people ("line 17", `"x" is no address`).
func (t *Tally) Skip(reason, where, what string) {
	t.stats.Skipped++
	t.stats.Reasons[reason]++
	if t.stats.Skipped <= maxNotes {
		t.stats.Notes = append(t.stats.Notes, where+": "+what)
	}
}

// Ignore counts one whole row that is no flow, by kind ("event_dns"). Kinds
// come from files, so their number is bounded.
func (t *Tally) Ignore(kind string) {
	const maxKinds = 32
	kind = Word(kind)
	if _, ok := t.ignored[kind]; !ok && len(t.ignored) >= maxKinds {
		kind = "other"
	}
	t.ignored[kind]++
}

// Word makes a name from a file fit for messages and metric labels: at most 40
// letters, digits, dots, dashes and underscores.
func Word(s string) string {
	return strings.Map(func(c rune) rune {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '.', c == '-':
			return c
		}
		return '_'
	}, s[:min(len(s), 40)])
}

// Note adds a sentence for people.
func (t *Tally) Note(format string, args ...any) {
	t.stats.Notes = append(t.stats.Notes, fmt.Sprintf(format, args...))
}

// SetExporters tells how many exporters the input names.
func (t *Tally) SetExporters(n int) { t.stats.Exporters = n }

// SetFormat names the format more precisely than was known at the start.
func (t *Tally) SetFormat(format string) { t.stats.Format = format }

// Stats returns a copy of the account.
func (t *Tally) Stats() Stats {
	s := t.stats
	s.Notes = slices.Clone(s.Notes)
	s.Reasons = maps.Clone(s.Reasons)
	if s.Skipped > maxNotes {
		s.Notes = append(s.Notes, fmt.Sprintf("%d more damaged places are not listed", s.Skipped-maxNotes))
	}
	if len(t.ignored) == 0 {
		return s
	}
	var total uint64
	kinds := make([]string, 0, len(t.ignored))
	for _, k := range slices.Sorted(maps.Keys(t.ignored)) {
		total += t.ignored[k]
		kinds = append(kinds, fmt.Sprintf("%s %d", k, t.ignored[k]))
		s.Reasons[IgnoredPrefix+k] = t.ignored[k]
	}
	s.Notes = append(s.Notes, fmt.Sprintf("%d rows are no flows and were ignored: %s", total, strings.Join(kinds, ", ")))
	return s
}

// Append hands out one record: it makes the times consistent, sets Received to
// End (a record file's arrival time), and counts it.
func (t *Tally) Append(b *flow.Batch, r *flow.Record) { t.AppendAs(b, r, r.Packets, r.Bytes) }

// AppendAs does what Append does and counts the packets and bytes that the file
// has written, where they are not those of the record.
func (t *Tally) AppendAs(b *flow.Batch, r *flow.Record, packets, bytes uint64) {
	if r.End < r.Start {
		r.End = r.Start
		r.Mark |= flow.Clamped
	}
	r.Received = r.End
	if r.InIf == 0 && r.OutIf == 0 {
		r.Mark |= flow.NoInterface
	}
	r.Sampling = max(1, r.Sampling)
	b.Append(r)
	t.Add(packets, bytes)
}

// SPDX-License-Identifier: Apache-2.0

package incident

import (
	"time"

	"tidewatch/detect"
)

// growth is how much a peak must grow to be worth a line: a tenth.
const growth = 1.1

// live moves every incident on by one tick: names its vectors, notes what grew,
// calms down what is weaker, resolves what is quiet, forgets what is long over.
func (b *Book) live() {
	excess := len(b.entries) - 2*b.cfg.MaxOpen
	for _, e := range b.entries {
		if !e.inc.State.Active() {
			if e.inc.State == Closed && excess <= 0 && b.now.Sub(e.seen) < e.quiet {
				continue // kept as long as its cause goes on
			}
			// Kept as long as it may begin again or explain something, and there is room.
			if excess > 0 || b.now.Sub(e.inc.Updated) > b.cfg.reopenWithin(e.key.category)+b.cfg.FoldWithin {
				e.gone = true
				excess--
			}
			continue
		}
		if e.seen.Equal(b.now) {
			e.settleVectors(b)
			e.grew(b)
			e.assess(b)
		}
		e.forsake(b)
		e.calm(b)
		switch {
		case e.inc.State != Mitigated && b.now.Sub(e.seen) >= e.quiet:
			b.resolve(e)
		case e.pending == "" && e.seen.After(e.written) && b.now.Sub(e.written) >= b.cfg.UpdateEvery:
			e.mark(Updated)
		}
	}
}

// grew notes peaks that rose by a tenth and another heaviest source.
func (e *entry) grew(b *Book) {
	if b.now.Sub(e.notedAt) < b.cfg.UpdateGap {
		return
	}
	m, n := &e.inc.Metrics, &e.noted
	var peaks, clauses []string
	var values map[string]float64
	rose := func(now, then float64, name, unit string, list *[]string, prefix string) {
		if now > growth*then && now > 0 {
			if values == nil {
				values = map[string]float64{}
			}
			values[name] = now
			*list = append(*list, prefix+quantity(now, unit))
		}
	}
	rose(m.PeakPacketsPerSecond, n.PeakPacketsPerSecond, "peak_packets_per_second", "packets/s", &peaks, "")
	rose(m.PeakBitsPerSecond, n.PeakBitsPerSecond, "peak_bits_per_second", "bits/s", &peaks, "")
	rose(m.PeakFlowsPerSecond, n.PeakFlowsPerSecond, "peak_flows_per_second", "flows/s", &peaks, "")
	if len(peaks) > 0 {
		clauses = append(clauses, "the peak rose to "+join(peaks))
	}
	if e.key.category != detect.DDoSAttack { // there the rates say it
		rose(float64(m.Bytes), float64(n.Bytes), "bytes", "bytes", &clauses, "the volume rose to ")
	}
	rose(m.Sigma, n.Sigma, "sigma", "sigma", &clauses, "the deviation rose to ")
	if top := heaviest(&e.inc.Top); top != e.top && top != "" {
		clauses = append(clauses, "the heaviest peer is now "+top)
		e.top = top
	}
	if len(clauses) == 0 {
		return
	}
	e.noted, e.notedAt = *m, b.now
	e.note(b, Updated, join(clauses), values)
}

// calm lowers the current severity when the higher one was not reported for the
// quiet time of the category. The severity itself stays the highest so far.
func (e *entry) calm(b *Book) {
	quiet := b.cfg.QuietAfter.of(e.key.category)
	level := 0
	for i := range e.levels {
		if !e.levels[i].IsZero() && b.now.Sub(e.levels[i]) < quiet {
			level = i
		}
	}
	now := [...]detect.Severity{detect.Low, detect.Medium, detect.High, detect.Critical}[level]
	if e.inc.CurrentSeverity.Rank() <= level || b.now.Sub(e.seen) >= quiet {
		return // silence is not weakness: it leads to resolve
	}
	e.note(b, Deescalated, "calmed down from "+string(e.inc.CurrentSeverity)+" to "+string(now)+
		": nothing more severe for "+duration(quiet.Seconds()), rates(&e.inc))
	e.inc.CurrentSeverity = now
}

// resolve ends an incident of which nothing new was seen for its quiet time.
func (b *Book) resolve(e *entry) {
	reason, text := ReasonQuiet, "nothing abnormal for "+duration(b.now.Sub(e.seen).Seconds())
	if e.unseen && !e.eased {
		reason, text = ReasonRestart, "not seen since the restart "+duration(b.now.Sub(e.seen).Seconds())+" ago"
	}
	b.end(e, reason, text)
}

// recover ends an incident of which a finding says that it is over.
func (b *Book) recover(e *entry, f *detect.Finding) {
	if e == nil || !e.inc.State.Active() {
		b.stats.Stale++
		return
	}
	if f.Last.After(e.inc.Started) {
		e.inc.LastSeen = f.Last // ticks may have reported it a little longer than it lasted
	}
	e.inc.Metrics.DurationSeconds = e.inc.LastSeen.Sub(e.inc.Started).Seconds()
	if e.inc.State == Mitigated {
		return // nobody knows while it is kept away
	}
	text := "what was missing is back"
	switch e.inc.Kind {
	case "exporter_down":
		text = "the exporter sends again"
	case "silence":
		text = "traffic is back"
	}
	b.end(e, ReasonRecovered, text)
}

// end closes an incident for a reason.
func (b *Book) end(e *entry, reason, text string) {
	inc := &e.inc
	inc.State, inc.Reason, inc.Ended, inc.Updated = Resolved, reason, inc.LastSeen, b.now
	e.over = b.now
	e.unseen, e.eased, e.doubt = false, false, nil
	b.activate(e, -1)
	b.stats.Resolved++
	e.note(b, ResolvedEvent, "resolved: "+text+"; it lasted "+duration(inc.LastSeen.Sub(inc.Started).Seconds()),
		map[string]float64{"duration_seconds": inc.LastSeen.Sub(inc.Started).Round(time.Millisecond).Seconds()})
}

// SPDX-License-Identifier: Apache-2.0

package incident

import (
	"math"
	"slices"
	"strings"
	"time"

	"tidewatch/detect"
)

const (
	maxIndicators = 32 // of one incident; all detectors together name about 30
	maxKinds      = 8
	maxChildren   = 16
	maxTop        = 10 // contract: at most ten entries each
	// newsShare is how much one peer must carry for a change of it to be told: a
	// fifth is more than the largest of a botnet's sources and less than a lone one's.
	newsShare = 0.2
)

// take folds one finding: into the incident of its cause, into an attack that
// explains it, or into a new incident.
func (b *Book) take(in *detect.Finding) {
	f := *in
	f.Subject = f.Subject.Masked()
	if !f.Subject.IsValid() || f.Category == "" {
		b.stats.Stale++
		return
	}
	f.Score = min(max(f.Score, 0), 1)
	if math.IsNaN(f.Score) {
		f.Score = 0
	}
	if f.Severity.Rank() < 0 {
		f.Severity = detect.SeverityOf(f.Score)
	}
	f.Started, f.Last = f.Started.UTC(), f.Last.UTC()
	if f.Last.IsZero() {
		f.Last = b.now
	}
	if f.Started.IsZero() || f.Started.After(f.Last) {
		f.Started = f.Last
	}
	k := keyOf(&f)
	e := b.byKey[k]
	switch {
	case f.Over:
		b.recover(e, &f)
	case e != nil && e.inc.State.Active():
		b.update(e, &f)
	case e != nil && b.hush(e, &f):
	case b.fold(&f), b.within(&f):
	case e != nil:
		b.reopen(e, &f)
	default:
		if before, known := b.graves.byKey[k]; known {
			b.openAfter(k, &f, before)
			return
		}
		b.open(k, &f, birth{second: f.Started.Unix()}, "")
	}
}

// openAfter begins another incident of a cause that had one. What the earlier
// one has told is not told again.
func (b *Book) openAfter(k key, f *detect.Finding, before grave) {
	if !f.Last.After(before.ended) {
		b.stats.Stale++
		return
	}
	if f.Started.Before(before.ended) {
		f.Started = before.ended
	}
	born := birth{second: f.Started.Unix()}
	if born.second <= before.second {
		born = birth{before.second, before.number + 1}
	}
	b.open(k, f, born, before.id)
}

// open begins an incident, if there is room. before is the id of the last one of
// the cause, empty when none is known.
func (b *Book) open(k key, f *detect.Finding, born birth, before string) {
	if f.Kind != kindOverflow && b.active >= b.cfg.MaxOpen && !b.evict(f.Severity) {
		b.stats.Suppressed++
		return
	}
	subject, scope := subjectText(f.Subject)
	e := &entry{key: k, kind: f.Kind, span: f.Last.Sub(f.Started), born: born}
	e.quiet = b.cfg.quietOf(e)
	e.inc = Incident{
		ID: newID(f, born), Category: f.Category, Kind: f.Kind, Subject: subject, Scope: scope,
		Severity: f.Severity, CurrentSeverity: f.Severity, Score: f.Score, State: Open,
		Started: f.Started, Detected: b.now, LastSeen: f.Last, Baseline: f.Baseline,
		Indicators: []Indicator{}, Actions: []Action{}, Timeline: []Entry{}, Previous: before,
	}
	if e.inc.Baseline.Level == "" {
		e.inc.Baseline = detect.NoBaseline()
	}
	b.stats.Opened++
	b.insert(e)
	b.merge(e, f)
	e.settleVectors(b)
	b.connect(e)
	e.noted, e.top, e.notedAt = e.inc.Metrics, heaviest(&e.inc.Top), b.now
	e.note(b, Opened, openedText(&e.inc), rates(&e.inc))
}

// hourly is the quiet time of what is judged once an hour, with room for the
// minutes after which an hour counts as closed. A shorter one would open an
// incident for every hour of one silence.
const hourly = 75 * time.Minute

// daily is the quiet time of a change of level: it shows in some hours of each day.
const daily = 49 * time.Hour

// noise is the quiet time of what is scanned from outside: the internet pauses for hours
// and has not stopped.
const noise = 24 * time.Hour

// quietOf is how long nothing must be seen before an incident is over, by the finding
// that it began with.
func (cfg *Config) quietOf(e *entry) time.Duration {
	c := e.key.category
	quiet := cfg.QuietAfter.of(c)
	switch {
	case e.key.group == beingScanned:
		quiet = max(quiet, noise)
	case e.kind == "level_shift":
		quiet = max(quiet, daily)
	case c == detect.BaselineAnomaly && e.span >= time.Hour, e.kind == "slow_exfiltration":
		quiet = max(quiet, hourly)
	}
	return quiet
}

// update folds a finding into the incident of its cause that goes on.
func (b *Book) update(e *entry, f *detect.Finding) {
	b.merge(e, f)
	e.rename(b, f)
	if f.Severity.Rank() > e.inc.Severity.Rank() {
		e.note(b, Escalated, "escalated from "+string(e.inc.Severity)+" to "+string(f.Severity)+
			", score "+number(f.Score), map[string]float64{"score": f.Score})
		e.inc.Severity = f.Severity
	}
	if f.Severity.Rank() > e.inc.CurrentSeverity.Rank() {
		e.inc.CurrentSeverity = f.Severity
	}
}

// merge takes over what a finding knows: the span grows, peaks and scores only
// rise, indicators keep their strongest reading.
func (b *Book) merge(e *entry, f *detect.Finding) {
	inc := &e.inc
	if f.Started.Before(inc.Started) {
		inc.Started = f.Started
	}
	if e.unseen {
		e.resumeVectors(b.now)
	}
	if e.seen.IsZero() || f.Last.After(inc.LastSeen) || e.unseen {
		e.seen, e.unseen = b.now, false
	}
	if f.Last.After(inc.LastSeen) {
		inc.LastSeen = f.Last
	}
	e.levels[f.Severity.Rank()] = b.now
	if f.Score >= inc.Score && f.Baseline.Level != "" {
		inc.Baseline = f.Baseline
	}
	inc.Score = max(inc.Score, f.Score)
	fades := e.merge(f)
	e.observeVectors(f, b.now)
	for i := range f.Indicators {
		n := &f.Indicators[i]
		if n.Weight == 0 && !fades {
			inc.inform(n, f.Vector)
			continue
		}
		inc.indicate(n, f.Vector)
	}
}

// merge takes over metrics and, unless the attack fades, what shows who made it.
func (e *entry) merge(f *detect.Finding) (fades bool) {
	m, n, before := &e.inc.Metrics, &f.Metrics, e.totals.before(f.Started)
	m.PeakBitsPerSecond = max(m.PeakBitsPerSecond, n.PeakBitsPerSecond, n.BitsPerSecond)
	m.PeakAttackBits = max(m.PeakAttackBits, n.PeakAttackBits)
	m.PeakPacketsPerSecond = max(m.PeakPacketsPerSecond, n.PeakPacketsPerSecond, n.PacketsPerSecond)
	m.PeakFlowsPerSecond = max(m.PeakFlowsPerSecond, n.PeakFlowsPerSecond, n.FlowsPerSecond)
	m.Bytes = max(m.Bytes, before.bytes+n.Bytes)
	m.Packets = max(m.Packets, before.packets+n.Packets)
	m.Flows = max(m.Flows, before.flows+n.Flows)
	m.Sources, m.Destinations = max(m.Sources, n.Sources), max(m.Destinations, n.Destinations)
	m.Ports = max(m.Ports, n.Ports)
	m.Sigma = largest(m.Sigma, n.Sigma)
	m.SamplingRate = max(m.SamplingRate, n.SamplingRate)
	m.DurationSeconds = e.inc.LastSeen.Sub(e.inc.Started).Seconds()
	for _, p := range [...][2]*float64{
		{&m.BitsPerSecond, &n.BitsPerSecond},
		{&m.PacketsPerSecond, &n.PacketsPerSecond},
		{&m.FlowsPerSecond, &n.FlowsPerSecond},
		{&m.MeanPacketBytes, &n.MeanPacketBytes},
		{&m.OffHoursShare, &n.OffHoursShare},
		{&m.TopDestinationShare, &n.TopDestinationShare},
		{&m.UploadRatio, &n.UploadRatio},
	} {
		if *p[1] != 0 {
			*p[0] = *p[1]
		}
	}
	e.totals.add(f.Last, m)
	if strong := e.inc.peak(f); !strong && fading(m, n) {
		return true
	}
	if len(f.Evidence) > 0 {
		e.inc.Evidence = f.Evidence
	}
	if f.Filter != nil {
		e.inc.Filter = &TrafficFilter{*f.Filter, filterText(f.Filter)}
	}
	t := &e.inc.Top
	for _, l := range [...]struct {
		to   *[]detect.Share
		from []detect.Share
	}{
		{&t.Sources, f.Top.Sources},
		{&t.Destinations, f.Top.Destinations},
		{&t.Ports, f.Top.Ports},
		{&t.ASNs, f.Top.ASNs},
		{&t.Countries, f.Top.Countries},
	} {
		if len(l.from) > 0 {
			*l.to = slices.Clone(l.from[:min(len(l.from), maxTop)])
		}
	}
	return false
}

// fading reports whether a finding tells of the last breath of an attack, which says
// little about who made it. One that has no rates, such as of held connections, tells
// of none.
func fading(m, n *detect.Metrics) bool {
	if n.PacketsPerSecond == 0 && n.BitsPerSecond == 0 {
		return false
	}
	return 2*n.PacketsPerSecond < m.PeakPacketsPerSecond && 2*n.BitsPerSecond < m.PeakBitsPerSecond
}

// largest returns the value further from zero; deviations have a sign.
func largest(x, y float64) float64 {
	if math.Abs(y) > math.Abs(x) {
		return y
	}
	return x
}

// indicate keeps the strongest reading of each indicator: the heavier, and of
// equally heavy ones that further from what was expected.
func (i *Incident) indicate(n *detect.Indicator, vector string) {
	at := slices.IndexFunc(i.Indicators, func(have Indicator) bool { return have.Name == n.Name })
	if at < 0 {
		if len(i.Indicators) < maxIndicators {
			i.Indicators = append(i.Indicators, Indicator{*n, indicatorText(n, vector)})
		}
		return
	}
	have := &i.Indicators[at]
	if n.Detail != "" { // who said so and when: the last word counts
		*have = Indicator{*n, indicatorText(n, vector)}
		return
	}
	if n.Weight < have.Weight ||
		n.Weight == have.Weight && math.Abs(n.Observed-n.Expected) <= math.Abs(have.Observed-have.Expected) {
		return
	}
	*have = Indicator{*n, indicatorText(n, vector)}
}

// inform takes the newest reading of an indicator that weighs nothing: it describes,
// and later ones are told from more flows. One that weighed when it was told first
// keeps its weight, and is brought up to date when it grew.
func (i *Incident) inform(n *detect.Indicator, vector string) {
	at := slices.IndexFunc(i.Indicators, func(have Indicator) bool { return have.Name == n.Name })
	if at < 0 || n.Detail != "" {
		i.indicate(n, vector)
		return
	}
	now := *n
	if have := &i.Indicators[at]; have.Weight > 0 {
		if math.Abs(n.Observed-n.Expected) <= math.Abs(have.Observed-have.Expected) {
			return
		}
		now.Weight = have.Weight
	}
	i.Indicators[at] = Indicator{now, indicatorText(&now, vector)}
}

// rename notes another kind of the same cause. The kind is that of the most
// severe finding; equals change nothing.
func (e *entry) rename(b *Book, f *detect.Finding) {
	inc := &e.inc
	if f.Kind == inc.Kind {
		return
	}
	if len(inc.Kinds) == 0 {
		inc.Kinds = []string{inc.Kind}
	}
	if !slices.Contains(inc.Kinds, f.Kind) && len(inc.Kinds) < maxKinds {
		inc.Kinds = append(inc.Kinds, f.Kind)
		e.note(b, Related, "also seen as "+acronyms(spoken(f.Kind))+", score "+number(f.Score), nil)
	}
	if f.Severity.Rank() > inc.Severity.Rank() {
		e.note(b, KindChanged, "the kind changed from "+acronyms(spoken(inc.Kind))+" to "+acronyms(spoken(f.Kind)), nil)
		inc.Kind = f.Kind
	}
}

// note adds a line to the timeline and remembers to tell of it.
func (e *entry) note(b *Book, t EventType, text string, values map[string]float64) {
	e.inc.line(b.cfg.MaxTimeline, Entry{At: b.now, Event: t, Text: text, Values: values})
	e.mark(t)
}

// heaviest is the peer that carries most, if it carries enough to be news: with
// thousands of spoofed sources it is another one every second.
func heaviest(t *detect.Top) string {
	for _, list := range [...][]detect.Share{t.Sources, t.Destinations} {
		if len(list) > 0 {
			if list[0].Share < newsShare {
				return ""
			}
			return list[0].Key
		}
	}
	return ""
}

// reopen goes on with an incident that ended lately, if the finding tells of
// anything after its end. Each time its quiet time doubles, up to an hour, so
// that a cause that comes and goes does not ring each time.
func (b *Book) reopen(e *entry, f *detect.Finding) {
	if !f.Last.After(e.last()) {
		b.stats.Stale++
		return
	}
	if !b.resumes(e, f, b.now) {
		// Too late: what comes now is an incident of its own.
		if b.openAfter(e.key, f, e.grave()); b.byKey[e.key] != e {
			e.gone = true // else there was no room
		}
		return
	}
	paused := f.Started.Sub(e.inc.LastSeen)
	e.inc.State, e.inc.Reason, e.inc.Ended, e.inc.Parent = Open, "", time.Time{}, ""
	e.quiet = min(2*e.quiet, max(e.quiet, time.Hour))
	e.levels = [4]time.Time{}
	e.inc.CurrentSeverity = f.Severity
	e.inc.settle()
	b.activate(e, 1)
	b.stats.Reopened++
	e.note(b, Reopened, strings.TrimSpace("began again after a pause of "+duration(max(paused.Seconds(), 0))), nil)
	b.update(e, f)
}

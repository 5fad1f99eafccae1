// SPDX-License-Identifier: Apache-2.0

package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"tidewatch/enrich"
	"tidewatch/flow"
	"tidewatch/flowfile"
	"tidewatch/incident"
)

// AnalyzeOptions are what analyze and evaluate are told on the command line.
type AnalyzeOptions struct {
	Files       []string
	Train       []string  // files that only teach, read first
	TrainUntil  time.Time // flows before it only teach
	Learned     bool      // judge by what is in the data directory
	InputFormat string    // "" = by content
	Sampling    uint32    // where a file does not say; 0 = unknown

	ActiveTimeout time.Duration // of the flows that are made of captured packets; 0 = a minute
	// KeepInternal: the internal networks were named, so flows that touch none are truly foreign.
	KeepInternal bool
	Progress     func(file string, records uint64) // nil = none; called about every second
	Warn         func(msg string)                  // one line for people; nil = none
}

// Result is what analyze prints as JSON (docs/reference/commands.md).
type Result struct {
	Version   int                 `json:"version"`
	Input     ResultInput         `json:"input"`
	Incidents []incident.Incident `json:"incidents"`
}

// ResultInput sums what was read.
type ResultInput struct {
	Files     []string   `json:"files"`
	Format    []string   `json:"format"`
	Flows     uint64     `json:"flows"`
	Packets   uint64     `json:"packets"`
	Bytes     uint64     `json:"bytes"`
	Skipped   uint64     `json:"skipped"`
	First     *time.Time `json:"first,omitempty"`
	Last      *time.Time `json:"last,omitempty"`
	Devices   int        `json:"devices"`
	Exporters int        `json:"exporters"`

	Duplicates uint64            `json:"duplicates,omitempty"`
	Reasons    map[string]uint64 `json:"skip_reasons,omitempty"`
	Notes      []string          `json:"notes,omitempty"`
}

// InputError is an input that cannot be read at all: the command's fault, not the program's.
type InputError struct{ Err error }

func (e *InputError) Error() string { return e.Err.Error() }

// Unwrap returns the reason.
func (e *InputError) Unwrap() error { return e.Err }

// Analyze judges recorded flows. When ctx ends it stops reading and judges what
// it has; the error is then ctx's, beside a whole result.
func Analyze(ctx context.Context, cfg *Config, o *AnalyzeOptions) (*Result, error) {
	a, err := newAnalysis(cfg, o)
	if err != nil {
		return nil, err
	}
	e := a.engine
	if o.Learned {
		l, err := OpenLibrary(cfg, false)
		if err != nil {
			return nil, err
		}
		if err := l.recall(e, true); err != nil {
			return nil, err
		}
	}
	e.Lesson(true)
	for _, f := range o.Train {
		if err := a.file(ctx, f, false); err != nil {
			return a.finish(), err
		}
	}
	e.Lesson(!o.TrainUntil.IsZero())
	for _, f := range o.Files {
		if err := a.file(ctx, f, true); err != nil {
			return a.finish(), err
		}
	}
	return a.finish(), ctx.Err()
}

func newAnalysis(cfg *Config, o *AnalyzeOptions) (*analysis, error) {
	named := *cfg
	a := &analysis{cfg: &named, o: o, exporters: newFileExporters(), result: &Result{Version: 1, Incidents: []incident.Incident{}}, byID: map[string]int{}}
	named.Enrich.Exporter = a.exporters.names.of
	var err error
	if a.engine, err = NewEngine(&named, a.keep); err != nil {
		return nil, err
	}
	for _, note := range a.engine.ThreatNotes() {
		a.warn("threat list " + note)
	}
	a.result.Input = ResultInput{Files: o.Files, Format: []string{}, Reasons: map[string]uint64{}}
	if !o.KeepInternal {
		a.undecided = &undecided{busiest: enrich.NewBusiest(0)}
	}
	return a, nil
}

// analysis is one run of Analyze.
type analysis struct {
	cfg       *Config
	o         *AnalyzeOptions
	engine    *Engine
	result    *Result
	byID      map[string]int
	exporters *fileExporters
	undecided *undecided // nil once it is known which addresses are devices
}

// undecided holds the first flows back until one of them touches an internal network.
type undecided struct {
	held    []*flow.Batch
	records int
	busiest *enrich.Busiest
}

// holdMax bounds the records held back: about 150 MB.
const holdMax = 1 << 20

// open opens one file; its records come about in the order of their export.
func (a *analysis) open(path string) (flowfile.Reader, error) {
	a.exporters.open()
	return flowfile.Open(path, Formats(), a.o.InputFormat, flowfile.Options{
		Exporter: a.exporters.named,
		Sampling: a.o.Sampling, Active: uint32(a.o.ActiveTimeout.Seconds()), Zone: a.cfg.zone(), DecodeConfig: a.cfg.decode(),
	})
}

// file feeds one file to the engine, or the segments of a flow history that is named
// by its folder.
func (a *analysis) file(ctx context.Context, path string, counts bool) error {
	segments, damaged, err := segmentsOf(path)
	if err != nil {
		return &InputError{err}
	}
	if len(segments) == 0 {
		return a.single(ctx, path, counts)
	}
	in := &a.result.Input
	for _, err := range damaged {
		in.Skipped++
		in.Reasons["bad_segment"]++
		in.Notes = append(in.Notes, err.Error())
		a.warn(err.Error())
	}
	formats := len(in.Format)
	for _, s := range segments {
		if err := a.single(ctx, s, counts); err != nil {
			return err
		}
	}
	if counts {
		in.Format = in.Format[:formats+1]
	}
	return nil
}

func (a *analysis) single(ctx context.Context, path string, counts bool) error {
	r, err := a.open(path)
	if err != nil {
		return &InputError{err}
	}
	defer func() { _ = r.Close() }()
	if err := a.feed(ctx, path, r); err != nil {
		return err
	}
	s := r.Stats()
	if !counts {
		return nil
	}
	in := &a.result.Input
	in.Format = append(in.Format, s.Format)
	in.Flows += s.Records
	in.Packets += s.Packets
	in.Bytes += s.Bytes
	in.Skipped += s.Skipped
	in.Exporters += s.Exporters
	for k, n := range s.Reasons {
		in.Reasons[k] += n
	}
	for _, n := range s.Notes {
		in.Notes = append(in.Notes, path+": "+n)
		a.warn(path + ": " + n)
	}
	return nil
}

func (a *analysis) warn(msg string) {
	if a.o.Warn != nil {
		a.o.Warn(msg)
	}
}

// feed passes the batches of one reader on until it ends or ctx does.
func (a *analysis) feed(ctx context.Context, path string, r flowfile.Reader) error {
	b := flow.NewBatch(4096)
	var records uint64
	shown := time.Now()
	for {
		b.Reset()
		n, err := r.Read(b)
		records += uint64(n)
		if n > 0 {
			a.exporters.renumber(b)
			a.take(b)
		}
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return &InputError{fmt.Errorf("read %s: %w", path, err)}
		case ctx.Err() != nil:
			return ctx.Err()
		}
		if a.o.Progress != nil && time.Since(shown) > time.Second {
			shown = time.Now()
			a.o.Progress(path, records)
		}
	}
}

// take passes a batch on, or holds it back while no internal address was seen.
func (a *analysis) take(b *flow.Batch) {
	u := a.undecided
	if u == nil {
		a.process(b)
		return
	}
	for i := range b.Src {
		if a.engine.enrich.Internal(b.Src[i].Netip()) || a.engine.enrich.Internal(b.Dst[i].Netip()) {
			a.decide(false)
			a.process(b)
			return
		}
	}
	held := flow.NewBatch(b.Len())
	for i := range b.Start {
		r := b.Record(i)
		held.Append(&r)
	}
	u.held = append(u.held, held)
	u.records += held.Len()
	u.busiest.Add(held)
	if u.records >= holdMax {
		a.decide(true)
	}
}

// decide ends the holding back: with the networks as configured, or with the
// busiest addresses as if they were internal.
func (a *analysis) decide(busiest bool) {
	u := a.undecided
	a.undecided = nil
	if busiest && u.records > 0 {
		top := enrich.Hosts(u.busiest.Top(enrich.BusiestAsInternal))
		if err := a.engine.Internal(a.cfg, top); err != nil {
			a.warn(err.Error())
		}
		a.warn(fmt.Sprintf("no flow touches an internal network; the %d busiest addresses are judged as if internal (name yours with --internal)", len(top)))
	}
	for _, b := range u.held {
		a.process(b)
	}
}

// process hands a batch to the engine, cut where the lesson ends.
func (a *analysis) process(b *flow.Batch) {
	until := a.o.TrainUntil
	if until.IsZero() || !a.engine.lesson {
		a.engine.Process(b)
		return
	}
	if b.Len() > 0 && b.Received[b.Len()-1] < until.UnixNano() {
		a.engine.Process(b)
		return
	}
	before, after := flow.NewBatch(b.Len()), flow.NewBatch(b.Len())
	for i := range b.Start {
		r := b.Record(i)
		if r.Received < until.UnixNano() {
			before.Append(&r)
		} else {
			after.Append(&r)
		}
	}
	a.engine.Process(before)
	a.engine.Advance(until.Unix())
	a.engine.Lesson(false)
	a.engine.Process(after)
}

// finish judges what is open and fills the result.
func (a *analysis) finish() *Result {
	if a.undecided != nil {
		a.decide(true)
	}
	a.engine.Drain()
	in, sum := &a.result.Input, a.engine.Input()
	if sum.First != 0 {
		first, last := time.Unix(0, sum.First).UTC(), time.Unix(0, sum.Last).UTC()
		in.First, in.Last = &first, &last
	}
	in.Duplicates = sum.Duplicates
	for _, s := range a.engine.shards {
		in.Devices += s.windows.Counts().Devices
	}
	slices.SortStableFunc(a.result.Incidents, func(x, y incident.Incident) int {
		return cmp.Or(x.Started.Compare(y.Started), cmp.Compare(x.ID, y.ID))
	})
	return a.result
}

// keep is the engine's sink: the newest state of every incident of the run. The
// book forgets those that are long over.
func (a *analysis) keep(events []incident.Event) {
	for i := range events {
		inc := &events[i].Incident
		if at, ok := a.byID[inc.ID]; ok {
			a.result.Incidents[at] = *inc
			continue
		}
		a.byID[inc.ID] = len(a.result.Incidents)
		a.result.Incidents = append(a.result.Incidents, *inc)
	}
}

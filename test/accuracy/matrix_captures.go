// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"tidewatch/app"
	"tidewatch/decode"
	"tidewatch/evaluate"
	"tidewatch/flow"
	"tidewatch/flowfile"
	"tidewatch/test/repeat"
)

// short is below how long a capture is also judged repeated: less than two of the
// horizons that floods are judged over.
const short = 10 * time.Second

// captures judges what the labels in a folder name, each alone, then floods that are
// too short for that repeated over ordinary traffic.
func (m *matrix) captures(ctx context.Context, dir string) error {
	path := filepath.Join(dir, "labels.tsv")
	f, err := os.Open(path) //nolint:gosec // the caller names the folder
	if errors.Is(err, fs.ErrNotExist) {
		return nil // labelled flows alone
	}
	if err != nil {
		return err
	}
	labels, err := evaluate.ReadLabels(f)
	_ = f.Close()
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	r, err := app.Evaluate(ctx, path, nil, plainOptions)
	if err != nil {
		return err
	}
	if err := m.scored("capture alone", r, labels); err != nil {
		return err
	}
	var floods []evaluate.Label
	var results []evaluate.Result
	for i := range labels {
		if l := &labels[i]; repeats(l) {
			if _, err := os.Stat(filepath.Join(dir, filepath.FromSlash(l.Path))); errors.Is(err, fs.ErrNotExist) {
				continue
			}
			res, err := repeated(filepath.Join(dir, filepath.FromSlash(l.Path)), l, 1)
			if err != nil {
				return fmt.Errorf("%s: %w", l.Path, err)
			}
			floods, results = append(floods, *l), append(results, *res)
		}
	}
	if r, err = evaluate.Score(results, floods); err != nil {
		return err
	}
	return m.scored("capture repeated", r, floods)
}

// configFor is the default configuration for these own networks.
func configFor(internal []string) (*app.Config, error) {
	cfg := app.DefaultConfig()
	cfg.Timezone = "UTC"
	for i, text := range internal {
		p, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, err
		}
		if i == 0 {
			cfg.Enrich.Internal = nil
		}
		cfg.Enrich.Internal = append(cfg.Enrich.Internal, p)
	}
	return &cfg, nil
}

// repeats reports whether a capture is judged repeated, too.
func repeats(l *evaluate.Label) bool {
	return l.Class == "ddos" && l.Duration < short && len(l.Who) == 1
}

// repeated judges a capture laid end to end, of which one packet of so many is sampled.
func repeated(path string, l *evaluate.Label, sampling uint32) (*evaluate.Result, error) {
	r, err := flowfile.Open(path, app.Formats(), "", flowfile.Options{DecodeConfig: decode.DefaultConfig()})
	if err != nil {
		return nil, err
	}
	defer func() { _ = r.Close() }()
	capture := flow.NewBatch(1 << 14)
	for err == nil {
		_, err = r.Read(capture)
	}
	if !errors.Is(err, io.EOF) {
		return nil, err
	}
	victim := l.Who[0]
	cfg, err := configFor([]string{netip.PrefixFrom(victim, victim.BitLen()).String()})
	if err != nil {
		return nil, err
	}
	e, err := app.NewEngine(cfg, nil)
	if err != nil {
		return nil, err
	}
	mixed, start := repeat.Over(capture, victim, repeat.Onset(capture, victim))
	if sampling > 1 {
		mixed = thinFlows(mixed, sampling, rand.New(rand.NewPCG(1, uint64(sampling)))) //nolint:gosec // repeatable on purpose
	}
	e.Process(mixed)
	e.Drain()
	return &evaluate.Result{Path: l.Path, Incidents: e.Incidents(), Devices: 1, Attack: time.Unix(0, start)}, nil
}

// scored takes the scores of captures that have these labels.
func (m *matrix) scored(source string, r *evaluate.Report, labels []evaluate.Label) error {
	internal := map[string][]string{}
	for i := range labels {
		for _, p := range labels[i].Internal {
			internal[labels[i].Path] = append(internal[labels[i].Path], p.String())
		}
	}
	for i := range r.Captures {
		c := &r.Captures[i]
		if c.Ran && c.Expect != evaluate.ExpectNone {
			if err := m.verdicts.capture(source, c, internal[c.Path]); err != nil {
				return err
			}
		}
		switch {
		case !c.Ran:
		case c.Expect == evaluate.ExpectAttack:
			truth, named := c.Class, ""
			right := c.OK
			if len(c.VectorExpected) > 0 {
				truth, right = strings.Join(c.VectorExpected, " or "), c.OK && c.VectorRight
			}
			if c.Incident != "" {
				if named = c.Vector; named == "" {
					named = c.Class
				}
				if !c.OK {
					named += " (told too often)"
				}
			}
			m.event(source, truth, named, right, c.SecondsToDetect)
		case c.Expect == evaluate.ExpectQuiet:
			rank := c.Severity.Rank()
			if c.OK && len(c.Alerts) == 0 {
				rank = -1
			}
			m.quiet(source, c.Class+": "+c.Subtype, rank, nil)
		}
	}
	return nil
}

// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"errors"
	"net/netip"
	"path/filepath"
	"slices"
	"time"

	"tidewatch/baseline"
	"tidewatch/evaluate"
)

// evaluateFile judges one capture on its own.
func evaluateFile(ctx context.Context, file string, internal []string, options EvaluateOptions) (*evaluate.Result, error) {
	cfg, o, err := options(internal)
	if err != nil {
		return nil, err
	}
	o.Files = []string{file}
	res, err := Analyze(ctx, cfg, o)
	if err != nil {
		return nil, err
	}
	r := &evaluate.Result{Path: file, Incidents: res.Incidents, Devices: res.Input.Devices}
	r.Own = func(a netip.Addr) bool {
		return slices.ContainsFunc(cfg.Enrich.Internal, func(p netip.Prefix) bool { return p.Contains(a) })
	}
	if res.Input.First != nil {
		r.Began, r.Duration = *res.Input.First, res.Input.Last.Sub(*res.Input.First)
	}
	return r, nil
}

// evaluateSeries lets the engine and the reference judge series: those that are named,
// or all that the windows name, beside their file or in the folder data beside its own.
func evaluateSeries(files []string, windows evaluate.Windows, path string) (*evaluate.Report, error) {
	var all []evaluate.Series
	for name, spans := range windows {
		for _, dir := range []string{"..", ".", "../data"} {
			file := filepath.Join(filepath.Dir(path), dir, filepath.FromSlash(name))
			if len(files) > 0 && !containsPath(files, file) {
				continue
			}
			s, err := readSeries(file)
			if err != nil {
				continue // not here; the windows are those of a whole benchmark, of which parts may be missing
			}
			s.Path, s.Windows = name, spans
			all = append(all, *s)
			break
		}
	}
	if windows == nil {
		for _, file := range files {
			s, err := readSeries(file)
			if err != nil {
				return nil, &InputError{err}
			}
			all = append(all, *s)
		}
	}
	if len(all) == 0 {
		return nil, &InputError{errors.New("the labels name none of these files")}
	}
	report := evaluate.NewReport()
	report.Series = Trials(all)
	return report, nil
}

// Trials judges series by the engine, and by the windowed Gaussian as reference.
func Trials(all []evaluate.Series) []evaluate.Trial {
	return []evaluate.Trial{
		evaluate.Try("tidewatch", all, func() evaluate.Judge { return baseline.NewSeries().Add }),
		evaluate.Try("windowed Gaussian", all, func() evaluate.Judge {
			g := &evaluate.Gaussian{}
			return func(_ time.Time, v float64) float64 { return g.Add(v) }
		}),
	}
}

func containsPath(files []string, file string) bool {
	for _, f := range files {
		if filepath.Clean(f) == filepath.Clean(file) {
			return true
		}
	}
	return false
}

func readSeries(file string) (*evaluate.Series, error) {
	r, err := openText(file)
	if err != nil {
		return nil, err
	}
	defer func() { _ = r.Close() }()
	s, err := evaluate.ReadSeries(r)
	if err != nil {
		return nil, errors.New(file + ": " + err.Error())
	}
	s.Path = file
	return s, nil
}

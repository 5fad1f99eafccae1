// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"

	"tidewatch/app"
	"tidewatch/detect"
	"tidewatch/evaluate"
)

// labelled is what a folder holds beside its table of captures, found by content.
type labelled struct {
	flows, logs, windows []string // labelled flows, logs of events, windows of series
	series               []string // series that are labelled themselves
}

// largestLabelled bounds the files that are looked into for labels.
const largestLabelled = 64 << 20

// findLabelled looks into every file below a folder, in the order of their names.
func findLabelled(dir string) (l labelled, err error) {
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if info, err := d.Info(); err != nil || info.Size() > largestLabelled {
			return err
		}
		labels, err := app.ReadLabels(path)
		switch {
		case err != nil: // no labels: most files have none
		case labels.Series:
			l.series = append(l.series, path)
		case labels.Windows != nil:
			l.windows = append(l.windows, path)
		case labels.Sheet != nil && labels.Sheet.Format == "events":
			l.logs = append(l.logs, path)
		case labels.Sheet != nil:
			l.flows = append(l.flows, path)
		}
		return nil //nolint:nilerr // what has no labels is left out
	})
	return l, err
}

// sheets judges labelled flows, and those of a folder again by its log of events.
func (m *matrix) sheets(ctx context.Context, dir string, l *labelled) error {
	for _, path := range l.flows {
		if err := m.sheet(ctx, dir, path, nil); err != nil {
			return err
		}
	}
	for _, path := range l.logs {
		var beside []string
		for _, f := range l.flows {
			if filepath.Dir(f) == filepath.Dir(path) {
				beside = append(beside, f)
			}
		}
		if len(beside) > 0 {
			if err := m.sheet(ctx, dir, path, beside); err != nil {
				return err
			}
		}
	}
	return nil
}

func (m *matrix) sheet(ctx context.Context, dir, path string, files []string) error {
	r, err := app.Evaluate(ctx, path, files, plainOptions)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	for i := range r.Sheets {
		s := &r.Sheets[i]
		name, err := filepath.Rel(dir, s.Path)
		if err != nil {
			return err
		}
		if files != nil {
			name += " by its log"
		}
		s.Path = name
		m.labelled = append(m.labelled, *s)
		for k := range s.Events {
			e := &s.Events[k]
			switch e.Expect {
			case evaluate.ExpectAttack:
				said := e.Said
				if !e.Detected {
					said = ""
				}
				m.event(name, e.Class, said, e.Right, e.Seconds)
			case evaluate.ExpectQuiet:
				rank := -1
				if e.Said != "" {
					rank = detect.Medium.Rank() // at least
				}
				m.quiet(name, "benign: "+e.Name, rank, nil)
			}
		}
	}
	return nil
}

// plainOptions are the defaults for these own networks.
func plainOptions(internal []string) (*app.Config, *app.AnalyzeOptions, error) {
	cfg, err := configFor(internal)
	return cfg, &app.AnalyzeOptions{KeepInternal: len(internal) > 0}, err
}

// rates is the table of false alerts about benign devices of labelled flows.
func (m *matrix) rates() string {
	if len(m.labelled) == 0 {
		return ""
	}
	t := table{{"labelled flows", "benign devices", "device-weeks", "low", "medium", "high", "critical", "medium+ a device-week", "beside"}}
	for i := range m.labelled {
		s := &m.labelled[i]
		loud := s.PerDeviceWeek[detect.Medium] + s.PerDeviceWeek[detect.High] + s.PerDeviceWeek[detect.Critical]
		t = append(t, []string{
			s.Path, strconv.Itoa(s.BenignDevices), fmt.Sprintf("%.3f", s.DeviceWeeks),
			strconv.Itoa(s.Alerts[detect.Low]), strconv.Itoa(s.Alerts[detect.Medium]), strconv.Itoa(s.Alerts[detect.High]), strconv.Itoa(s.Alerts[detect.Critical]),
			fmt.Sprintf("%.2f", loud), strconv.Itoa(s.Beside),
		})
	}
	return "\n" + t.String()
}

// seriesTable is how well the engine and the reference do on the labelled series of a
// folder: those of each file of windows, and those of each folder that are labelled
// themselves.
func seriesTable(dir string) (string, error) {
	l, err := findLabelled(dir)
	if err != nil {
		return "", err
	}
	t := table{{"series", "how many", "detector", "anomalies", "tuned half", "other half", "all", "found of all", "false detections"}}
	add := func(path string, r *evaluate.Report) error {
		name, err := filepath.Rel(dir, path)
		for i := range r.Series {
			x := &r.Series[i]
			t = append(t, []string{
				name, strconv.Itoa(len(x.Series)), x.Name, strconv.Itoa(x.All.Windows), fmt.Sprintf("%.1f", x.Tuned.Score), fmt.Sprintf("%.1f", x.Rest.Score),
				fmt.Sprintf("%.1f", x.All.Score), strconv.Itoa(x.All.Found), strconv.Itoa(x.All.False),
			})
		}
		return err
	}
	for _, path := range l.windows {
		r, err := app.Evaluate(context.Background(), path, nil, plainOptions)
		if _, ok := errors.AsType[*app.InputError](err); ok {
			continue // windows of series that are not there
		}
		if err == nil {
			err = add(filepath.Dir(filepath.Dir(path)), r)
		}
		if err != nil {
			return "", err
		}
	}
	for i := 0; i < len(l.series); {
		same := 1
		for i+same < len(l.series) && filepath.Dir(l.series[i+same]) == filepath.Dir(l.series[i]) {
			same++
		}
		group := slices.Clone(l.series[i : i+same])
		r, err := app.Evaluate(context.Background(), group[0], group[1:], plainOptions)
		if err == nil {
			err = add(filepath.Dir(group[0]), r)
		}
		if err != nil {
			return "", err
		}
		i += same
	}
	return t.String(), nil
}

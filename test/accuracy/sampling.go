// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"tidewatch/app"
	"tidewatch/evaluate"
)

// view is how an exporter looks at a capture.
type view struct {
	sampling uint32
	active   time.Duration
}

func (v view) String() string { return fmt.Sprintf("1:%d, %.0f s", v.sampling, v.active.Seconds()) }

// views are one in so many packets at a usual active timeout, then other timeouts.
func views() [5]view {
	return [...]view{{1, time.Minute}, {100, time.Minute}, {1000, time.Minute}, {1, 15 * time.Second}, {1, 5 * time.Minute}}
}

// samplingTable judges the captures that labels.tsv names, thinned packet by packet, and
// those floods repeated that are too short to be judged alone.
func samplingTable(dir string) (string, error) {
	t := table{{"class", "1 of N packets, active timeout", "captures", "found", "missed", "median seconds"}}
	quiet := table{{"what was no attack", "1 of N packets, active timeout", "captures", "too loud"}}
	for _, v := range views() {
		alone, again, err := judgeThinned(dir, v)
		if err != nil {
			return "", err
		}
		for i := range alone.Classes {
			t = append(t, classRow(&alone.Classes[i], "", v))
		}
		for i := range again.Classes {
			t = append(t, classRow(&again.Classes[i], ", repeated", v))
		}
		quiet = append(quiet, []string{"benign, vpn_tor", v.String(), strconv.Itoa(alone.Quiet.Captures), strconv.Itoa(alone.Quiet.Loud)})
	}
	return byClass(t).String() + "\n" + quiet.String(), nil
}

func classRow(k *evaluate.Class, how string, v view) []string {
	seconds := ""
	if k.Found > 0 {
		seconds = fmt.Sprintf("%.1f", k.MedianSeconds)
	}
	return []string{k.Class + how, v.String(), strconv.Itoa(k.Captures), strconv.Itoa(k.Found), strconv.Itoa(k.Captures - k.Found), seconds}
}

// byClass puts the rows of a class together, in the order in which classes appear.
func byClass(t table) table {
	out := t[:1:1]
	seen := map[string]bool{}
	for _, first := range t[1:] {
		if seen[first[0]] {
			continue
		}
		seen[first[0]] = true
		for _, row := range t[1:] {
			if row[0] == first[0] {
				out = append(out, row)
			}
		}
	}
	return out
}

// judgeThinned writes the captures as an exporter would see them into a folder of their
// own, and judges them there.
func judgeThinned(dir string, v view) (alone, again *evaluate.Report, err error) {
	text, err := os.ReadFile(filepath.Join(dir, "labels.tsv")) //nolint:gosec // the caller names the folder
	if err != nil {
		return nil, nil, err
	}
	labels, err := evaluate.ReadLabels(strings.NewReader(string(text)))
	if err != nil {
		return nil, nil, err
	}
	folder, err := os.MkdirTemp("", "thinned")
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = os.RemoveAll(folder) }()
	if err := os.WriteFile(filepath.Join(folder, "labels.tsv"), text, 0o600); err != nil { //nolint:gosec // a folder of our own
		return nil, nil, err
	}
	var results []evaluate.Result
	var floods []evaluate.Label
	for i := range labels {
		l := &labels[i]
		from, to := filepath.Join(dir, filepath.FromSlash(l.Path)), filepath.Join(folder, filepath.FromSlash(l.Path))
		if strings.HasSuffix(l.Path, "/") {
			continue
		}
		if err := thinFile(from, to, v.sampling); errors.Is(err, fs.ErrNotExist) {
			continue
		} else if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", l.Path, err)
		}
		if repeats(l) && v.active == time.Minute {
			r, err := repeated(from, l, v.sampling)
			if err != nil {
				return nil, nil, fmt.Errorf("%s: %w", l.Path, err)
			}
			floods, results = append(floods, *l), append(results, *r)
		}
	}
	alone, err = app.Evaluate(context.Background(), filepath.Join(folder, "labels.tsv"), nil, func(internal []string) (*app.Config, *app.AnalyzeOptions, error) {
		cfg, o, err := plainOptions(internal)
		o.Sampling, o.ActiveTimeout = v.sampling, v.active
		return cfg, o, err
	})
	if err != nil {
		return nil, nil, err
	}
	again, err = evaluate.Score(results, floods)
	return alone, again, err
}

// thinFile copies a capture without the packets that are not sampled. Which are, the
// seed says.
func thinFile(from, to string, n uint32) error {
	data, err := os.ReadFile(from) //nolint:gosec // the caller names the folder
	if err != nil {
		return err
	}
	r := rand.New(rand.NewPCG(1, uint64(n))) //nolint:gosec // repeatable on purpose
	if data, err = thinCapture(data, n, r); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil { //nolint:gosec // below a folder of our own
		return err
	}
	return os.WriteFile(to, data, 0o600) //nolint:gosec // likewise
}

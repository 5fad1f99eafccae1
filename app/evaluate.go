// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"tidewatch/evaluate"
)

// Evaluate judges each capture that a label file names, or those of them in
// only, on its own and scores what was found. Paths are relative to the label
// file. options gives the settings for a capture with these own networks.
func Evaluate(ctx context.Context, path string, only []string, options func(internal []string) (*Config, *AnalyzeOptions, error)) (*evaluate.Report, error) {
	f, err := os.Open(path) //nolint:gosec // the operator names the file
	if err != nil {
		return nil, &InputError{fmt.Errorf("open labels: %w", err)}
	}
	labels, err := evaluate.ReadLabels(f)
	_ = f.Close()
	if err != nil {
		return nil, &InputError{fmt.Errorf("%s: %w", path, err)}
	}
	var results []evaluate.Result
	for i := range labels {
		l := &labels[i]
		file := filepath.Join(filepath.Dir(path), filepath.FromSlash(l.Path))
		if strings.HasSuffix(l.Path, "/") || len(only) > 0 && !slices.Contains(only, file) {
			continue // a folder's note, or not asked for
		}
		var internal []string
		for _, p := range l.Internal {
			internal = append(internal, p.String())
		}
		cfg, o, err := options(internal)
		if err != nil {
			return nil, err
		}
		o.Files = []string{file}
		res, err := Analyze(ctx, cfg, o)
		if err != nil {
			return nil, err
		}
		r := evaluate.Result{Path: l.Path, Incidents: res.Incidents, Devices: res.Input.Devices}
		if res.Input.First != nil {
			r.Duration = res.Input.Last.Sub(*res.Input.First)
		}
		results = append(results, r)
	}
	if len(results) == 0 {
		return nil, &InputError{errors.New("the labels name none of these files")}
	}
	return evaluate.Score(results, labels)
}

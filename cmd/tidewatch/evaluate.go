// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"tidewatch/app"
	"tidewatch/evaluate"
)

type evaluateCmd struct {
	judging
	Labels string   `required:"" placeholder:"FILE" help:"Labels: tab-separated, one capture a row (docs/reference/labels.md)."`
	Files  []string `arg:"" optional:"" name:"file" help:"Captures to score; default: every file that the labels name, beside the label file."`
}

// Run judges each labelled capture on its own and scores what was found.
func (c *evaluateCmd) Run(ctx context.Context, s streams) error {
	f, err := os.Open(c.Labels)
	if err != nil {
		return usageError{fmt.Errorf("open labels: %w", err)}
	}
	labels, err := evaluate.ReadLabels(f)
	_ = f.Close()
	if err != nil {
		return usageError{fmt.Errorf("%s: %w", c.Labels, err)}
	}
	base := filepath.Dir(c.Labels)
	var results []evaluate.Result
	for i := range labels {
		l := &labels[i]
		path := filepath.Join(base, filepath.FromSlash(l.Path))
		if strings.HasSuffix(l.Path, "/") || len(c.Files) > 0 && !slices.Contains(c.Files, path) {
			continue // a folder's note, or not asked for
		}
		r, err := c.one(ctx, s, path, l)
		if err != nil {
			return err
		}
		results = append(results, r)
	}
	if len(results) == 0 {
		return usageError{errors.New("the labels name none of these files")}
	}
	report, err := evaluate.Score(results, labels)
	if err != nil {
		return err
	}
	if c.Format == "json" {
		return printJSON(s.out, report)
	}
	return report.WriteText(s.out)
}

// one judges one capture with the networks that its label names.
func (c *evaluateCmd) one(ctx context.Context, s streams, path string, l *evaluate.Label) (evaluate.Result, error) {
	j := c.judging
	j.Quiet = true
	for _, p := range l.Internal {
		j.Internal = append(j.Internal, p.String())
	}
	cfg, o, err := j.options(s)
	if err != nil {
		return evaluate.Result{}, err
	}
	o.Files = []string{path}
	res, err := app.Analyze(ctx, cfg, o)
	if err != nil {
		return evaluate.Result{}, err
	}
	r := evaluate.Result{Path: l.Path, Incidents: res.Incidents, Devices: res.Input.Devices}
	if res.Input.First != nil {
		r.Duration = res.Input.Last.Sub(*res.Input.First)
	}
	return r, nil
}

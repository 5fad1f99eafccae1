// SPDX-License-Identifier: Apache-2.0

package app

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"tidewatch/evaluate"
)

// EvaluateOptions gives the settings for a capture with these own networks.
type EvaluateOptions func(internal []string) (*Config, *AnalyzeOptions, error)

// Evaluate finds out what the labels in a file are, judges what they are about, or
// those of it in only, and scores what was found.
func Evaluate(ctx context.Context, path string, only []string, options EvaluateOptions) (*evaluate.Report, error) {
	labels, err := ReadLabels(path)
	if err != nil {
		return nil, err
	}
	switch {
	case labels.Sheet != nil:
		return evaluateSheet(ctx, path, labels.Sheet, only, options)
	case labels.Series:
		return evaluateSeries(append([]string{path}, only...), nil, "")
	case labels.Windows != nil:
		return evaluateSeries(only, labels.Windows, path)
	}
	return evaluateCaptures(ctx, path, labels.Captures, only, options)
}

// ReadLabels finds out by content what a file of labels is, and reads it; it may be compressed with gzip.
func ReadLabels(path string) (*evaluate.Labels, error) {
	r, err := openText(path)
	if err != nil {
		return nil, &InputError{fmt.Errorf("open labels: %w", err)}
	}
	defer func() { _ = r.Close() }()
	labels, err := evaluate.Read(r)
	if err != nil {
		return nil, &InputError{fmt.Errorf("%s: %w", path, err)}
	}
	return labels, nil
}

// openText opens a file and undoes gzip.
func openText(path string) (io.ReadCloser, error) {
	f, err := os.Open(path) //nolint:gosec // the operator names the file
	if err != nil {
		return nil, err
	}
	in := bufio.NewReader(f)
	if head, _ := in.Peek(2); !bytes.Equal(head, []byte{0x1f, 0x8b}) {
		return textFile{in, f}, nil
	}
	z, err := gzip.NewReader(in)
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return textFile{z, f}, nil
}

type textFile struct {
	io.Reader
	io.Closer
}

// evaluateCaptures scores the captures of a table. One that is not there is listed as
// not run, unless it was asked for.
func evaluateCaptures(ctx context.Context, path string, labels []evaluate.Label, only []string, options EvaluateOptions) (*evaluate.Report, error) {
	var results []evaluate.Result
	for i := range labels {
		l := &labels[i]
		file := filepath.Join(filepath.Dir(path), filepath.FromSlash(l.Path))
		if strings.HasSuffix(l.Path, "/") || len(only) > 0 && !slices.Contains(only, file) {
			continue // a folder's note, or not asked for
		}
		if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) && len(only) == 0 {
			continue
		}
		var internal []string
		for _, p := range l.Internal {
			internal = append(internal, p.String())
		}
		r, err := evaluateFile(ctx, file, internal, options)
		if err != nil {
			return nil, err
		}
		r.Path = l.Path
		results = append(results, *r)
	}
	if len(results) == 0 {
		return nil, &InputError{errors.New("the labels name none of these files")}
	}
	return evaluate.Score(results, labels)
}

// evaluateSheet scores captures by labels of flows or events: by default the labelled
// flows themselves.
func evaluateSheet(ctx context.Context, path string, sheet *evaluate.Sheet, files []string, options EvaluateOptions) (*evaluate.Report, error) {
	if len(files) == 0 {
		if sheet.Format == "events" {
			return nil, &InputError{fmt.Errorf("%s: a log of events has no flows: name the captures as well", path)}
		}
		files = []string{path}
	}
	report := evaluate.NewReport()
	for _, file := range files {
		r, err := evaluateFile(ctx, file, nil, options)
		if err != nil {
			return nil, err
		}
		s := *sheet
		s.Path = file
		score, err := evaluate.ScoreSheet(&s, r)
		if err != nil {
			return nil, err
		}
		report.Sheets = append(report.Sheets, *score)
	}
	return report, nil
}

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"compress/gzip"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// series is one device whose traffic somebody measured: bytes received and sent in
// each interval.
type series struct {
	name     string
	interval time.Duration
	at       []time.Time
	received []float64
	sent     []float64
	odd      []bool // labelled as an anomaly
	scale    float64
}

// readSeries reads a CSV file whose first column is a time and whose others are
// volumes; "label" marks anomalies. Columns NAME_in and NAME_out are one device. A
// file without units is scaled so that its median is plainScale bytes a second.
func readSeries(path string) ([]series, error) {
	rows, err := readRows(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if len(rows) < 3 {
		return nil, fmt.Errorf("%s: no rows", path)
	}
	base := strings.TrimSuffix(strings.TrimSuffix(filepath.Base(path), ".gz"), ".csv")
	at := make([]time.Time, 0, len(rows)-1)
	for n, row := range rows[1:] {
		t, err := parseTime(row[0])
		if err != nil {
			return nil, fmt.Errorf("%s: row %d: %w", path, n+2, err)
		}
		at = append(at, t)
	}
	var out []series
	var odd []bool
	for c, name := range rows[0] {
		if c == 0 {
			continue
		}
		values := make([]float64, len(at))
		for n, row := range rows[1:] {
			if values[n], err = strconv.ParseFloat(row[c], 64); err != nil {
				return nil, fmt.Errorf("%s: row %d: %w", path, n+2, err)
			}
		}
		if name == "label" {
			odd = make([]bool, len(values))
			for i, v := range values {
				odd[i] = v != 0
			}
			continue
		}
		device, in := strings.CutSuffix(name, "_in")
		device = strings.TrimSuffix(device, "_out")
		i := slices.IndexFunc(out, func(s series) bool { return s.name == base+" "+device })
		if i < 0 {
			i = len(out)
			out = append(out, series{name: base + " " + device, at: at, interval: stepOf(at), scale: 1})
		}
		if in {
			out[i].received = values
		} else {
			out[i].sent = values
		}
	}
	for i := range out {
		out[i].odd = odd
		out[i].rescale()
	}
	return out, nil
}

// plainScale is what the median of a series without a unit is taken for, in bytes a
// second: a busy server.
const plainScale = 1e6

// rescale gives a series without a unit one: values that are no bytes are small.
func (s *series) rescale() {
	v := slices.Clone(append(slices.Clone(s.sent), s.received...))
	slices.Sort(v)
	mid := v[len(v)/2]
	if mid > 0 && v[len(v)-1] < 1e4 {
		s.scale = plainScale * s.interval.Seconds() / mid
	}
}

func stepOf(at []time.Time) time.Duration {
	steps := make([]time.Duration, 0, len(at))
	for i := 1; i < len(at); i++ {
		steps = append(steps, at[i].Sub(at[i-1]))
	}
	slices.Sort(steps)
	return steps[len(steps)/2]
}

func readRows(path string) ([][]string, error) {
	f, err := os.Open(path) //nolint:gosec // the caller names the file
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var in io.Reader = bufio.NewReader(f)
	if strings.HasSuffix(path, ".gz") {
		if in, err = gzip.NewReader(in); err != nil {
			return nil, err
		}
	}
	r := csv.NewReader(in)
	r.TrimLeadingSpace = true
	return r.ReadAll()
}

// parseTime takes Unix seconds and the dates that the public series are written with;
// one without a zone is UTC.
func parseTime(s string) (time.Time, error) {
	if sec, err := strconv.ParseInt(s, 10, 64); err == nil {
		return time.Unix(sec, 0).UTC(), nil
	}
	for _, layout := range []string{time.DateTime, time.RFC3339, "01/02/2006 15:04", "1/2/06 15:04"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, nil
		}
	}
	return time.Time{}, errors.New("no time: " + strconv.Quote(s))
}

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"maps"
	"os"
	"strconv"
	"strings"
)

// onlyTable prints one of the tables that have a make target of their own, or writes it
// into a page. It is an error when it became worse than the page says.
func onlyTable(out io.Writer, which, data, page string, accept bool) error {
	var text string
	var err error
	switch which {
	case "series":
		text, err = seriesTable(data)
	case "sampling":
		text, err = samplingTable(data)
	default:
		err = fmt.Errorf("no table %q", which)
	}
	if err != nil {
		return err
	}
	if page == "" {
		_, err := io.WriteString(out, text)
		return err
	}
	now, before, err := replace(page, "accuracy-"+which, text)
	if err != nil {
		return err
	}
	if worse := fallen(before, text, margins()[which]); len(worse) > 0 && !accept {
		return fmt.Errorf("worse than %s says, which is left as it was (-accept writes it):\n%s", page, strings.Join(worse, "\n"))
	}
	return os.WriteFile(page, now, 0o644) //nolint:gosec // a page of the project, for everybody
}

// margin is by how much a column of a table may fall without being a regression.
type margin struct {
	keys   int // so many columns say what a row is about
	column int
	by     float64
}

// margins of the tables: a score of series may fall by one point, since another
// machine may round sums otherwise; what is counted may not fall at all.
func margins() map[string]margin {
	return map[string]margin{"series": {3, 5, 1}, "sampling": {2, 3, 0}}
}

// fallen lists the rows of which a column is lower than before by more than the margin.
func fallen(before, now string, m margin) (out []string) {
	if m.keys == 0 {
		return nil
	}
	then := map[string]float64{}
	maps.Copy(then, numbers(before, m))
	for key, v := range numbers(now, m) {
		if was, ok := then[key]; ok && v < was-m.by {
			out = append(out, fmt.Sprintf("%s: %g, %g before", key, v, was))
		}
	}
	return out
}

func numbers(text string, m margin) map[string]float64 {
	out := map[string]float64{}
	for line := range strings.Lines(text) {
		cells := strings.Split(strings.Trim(line, "|\n "), "|")
		if len(cells) <= m.column {
			continue
		}
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		if v, err := strconv.ParseFloat(cells[m.column], 64); err == nil {
			out[strings.Join(cells[:m.keys], " ")] = v
		}
	}
	return out
}

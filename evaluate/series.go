// SPDX-License-Identifier: Apache-2.0

package evaluate

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Series is one series of values, with what is labelled in it when it says so itself.
type Series struct {
	Path    string
	At      []time.Time
	Values  []float64
	Windows []Span
}

// maxValues bounds a series; the longest of the benchmark has 22 695.
const maxValues = 1 << 22

// ReadSeries reads a table with the columns timestamp and value; a column label marks
// anomalies, around which windows are laid as the benchmark does: a tenth of the
// series, divided by the number of anomalies.
func ReadSeries(r io.Reader) (*Series, error) {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxLine)
	s := &Series{}
	var odd []bool
	for n := 1; lines.Scan(); n++ {
		f := strings.Split(strings.TrimRight(lines.Text(), "\r"), ",")
		if n == 1 {
			if len(f) < 2 || !strings.EqualFold(f[0], "timestamp") || !strings.EqualFold(f[1], "value") {
				return nil, errors.New("line 1: the columns are not timestamp and value")
			}
			continue
		}
		if len(f) < 2 || len(s.At) >= maxValues {
			return nil, fmt.Errorf("line %d: no value, or more than %d", n, maxValues)
		}
		at, err := moment(f[0])
		if err != nil {
			return nil, fmt.Errorf("line %d: %q is no time", n, f[0])
		}
		v, err := strconv.ParseFloat(f[1], 64)
		if err != nil {
			return nil, fmt.Errorf("line %d: %q is no number", n, f[1])
		}
		s.At, s.Values = append(s.At, at), append(s.Values, v)
		odd = append(odd, len(f) > 2 && f[2] != "0" && f[2] != "")
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read series: %w", err)
	}
	if len(s.At) == 0 {
		return nil, io.ErrUnexpectedEOF
	}
	s.Windows = windowsAround(odd, s.At)
	return s, nil
}

// windowsAround lays a window around each stretch of marked values. Windows that
// touch are one.
func windowsAround(odd []bool, at []time.Time) (out []Span) {
	var stretches [][2]int
	for i, o := range odd {
		switch n := len(stretches); {
		case !o:
		case n > 0 && stretches[n-1][1] == i-1:
			stretches[n-1][1] = i
		default:
			stretches = append(stretches, [2]int{i, i})
		}
	}
	if len(stretches) == 0 {
		return nil
	}
	half := len(odd) / 10 / len(stretches) / 2
	end := -1
	for _, s := range stretches {
		middle := (s[0] + s[1]) / 2
		from, to := max(0, min(s[0], middle-half)), min(len(at)-1, max(s[1], middle+half))
		if n := len(out); n > 0 && from <= end {
			out[n-1].To = at[to]
		} else {
			out = append(out, Span{at[from], at[to]})
		}
		end = to
	}
	return out
}

// Judge is a detector of anomalies in one series: it hears of one value after another.
type Judge func(at time.Time, value float64) (score float64)

// Trial is how well a detector does on series.
type Trial struct {
	Name string `json:"name"`
	// Tuned has the threshold that is best on every other series, in the order of their
	// paths; Rest is what that threshold gives on the others; All has the one that is
	// best on all, which is how the benchmark scores every detector.
	Tuned Profile `json:"tuned"`
	Rest  Profile `json:"rest"`
	All   Profile `json:"all"`

	Series []SeriesScore `json:"series"`
}

// SeriesScore is one series at the tuned threshold.
type SeriesScore struct {
	Path  string `json:"path"`
	Tuned bool   `json:"tuned"` // the threshold was found on it, among others
	Profile
}

// Try lets a detector judge series, for each of which start gives a new one.
func Try(name string, all []Series, start func() Judge) Trial {
	slices.SortFunc(all, func(a, b Series) int { return strings.Compare(a.Path, b.Path) })
	every := make([]Judged, 0, len(all))
	var tuned, rest []Judged
	for i := range all {
		s := &all[i]
		judge := start()
		j := Judged{Path: s.Path, At: s.At, Windows: s.Windows, Score: make([]float64, len(s.Values))}
		for k, v := range s.Values {
			j.Score[k] = judge(s.At[k], v)
		}
		every = append(every, j)
		if i%2 == 0 {
			tuned = append(tuned, j)
		} else {
			rest = append(rest, j)
		}
	}
	t := Trial{Name: name, Tuned: Best(tuned), All: Best(every)}
	t.Rest = At(rest, t.Tuned.Threshold)
	for i := range every {
		t.Series = append(t.Series, SeriesScore{every[i].Path, i%2 == 0, At(every[i:i+1], t.Tuned.Threshold)})
	}
	return t
}

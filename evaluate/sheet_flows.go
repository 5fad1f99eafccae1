// SPDX-License-Identifier: Apache-2.0

package evaluate

import (
	"bufio"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// flowTable is a delimited table of flows with a column of labels.
type flowTable struct {
	format            string
	delimiter         string
	start, end, lasts int // columns; -1 = none
	ends              [2]int
	label             int
	most              int // of these columns
}

// tableOf understands the header line of a table of labelled flows, Zeek's without
// its "#fields". Zeek's labels are divided from what precedes them by spaces.
func tableOf(header string, zeek bool) (t flowTable, ok bool) {
	t = flowTable{format: "flows", delimiter: ","}
	if zeek {
		t.format, t.delimiter = "zeek", "\t"
	}
	names := t.cells(header)
	column := func(known ...string) int {
		for _, k := range known {
			if i := slices.IndexFunc(names, func(s string) bool { return strings.EqualFold(s, k) }); i >= 0 {
				return i
			}
		}
		return -1
	}
	t.start, t.end = column("ts", "StartTime", "start"), column("end")
	t.lasts = column("duration", "Dur")
	t.ends = [2]int{column("id.orig_h", "SrcAddr", "sIPs"), column("id.resp_h", "DstAddr", "rIPs")}
	// Of Westermo's four columns the one that marks the flows of the action itself.
	t.label = column("detailed-label", "NST_M_Label", "Label")
	if column("StartTime") >= 0 {
		t.format = "binetflow"
	}
	t.most = max(t.start, t.end, t.lasts, t.ends[0], t.ends[1], t.label)
	return t, t.start >= 0 && t.ends[0] >= 0 && t.ends[1] >= 0 && t.label >= 0
}

// cells splits a line. Labelled Zeek logs have their last columns divided by spaces.
func (t *flowTable) cells(line string) []string {
	out := strings.Split(line, t.delimiter)
	if t.delimiter == "\t" {
		last := strings.Fields(out[len(out)-1])
		out = append(out[:len(out)-1], last...)
	}
	for i := range out {
		out[i] = strings.Trim(out[i], ` "`)
	}
	return out
}

// labelOf is the label of a row. Zeek's has two columns, of which the second says
// what a malicious flow is and the first that it is one.
func (t *flowTable) labelOf(cells []string) string {
	label := cells[t.label]
	if t.format == "zeek" && label == "-" && t.label > 0 {
		label = cells[t.label-1]
	}
	return label
}

// readFlows reads the rows behind a header. Rows that are no flows of IP are passed
// over; so is what cannot be read, and counted.
func (t *flowTable) readFlows(lines *bufio.Scanner, s *Sheet) error {
	s.Format = t.format
	b := newBuilder(s)
	for lines.Scan() {
		line := strings.TrimRight(lines.Text(), "\r")
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		cells := t.cells(line)
		if len(cells) <= t.most {
			s.Lost++
			continue
		}
		from, errFrom := netip.ParseAddr(cells[t.ends[0]])
		to, errTo := netip.ParseAddr(cells[t.ends[1]])
		if errFrom != nil || errTo != nil {
			continue // ARP and the like
		}
		start, err := moment(cells[t.start])
		if err != nil {
			s.Lost++
			continue
		}
		end := start
		if t.end >= 0 {
			if e, err := moment(cells[t.end]); err == nil && e.After(start) {
				end = e
			}
		} else if t.lasts >= 0 {
			if sec, err := strconv.ParseFloat(cells[t.lasts], 64); err == nil && sec > 0 && sec < 1e8 {
				end = start.Add(time.Duration(sec * float64(time.Second)))
			}
		}
		b.flow(t.labelOf(cells), start, end, [2]netip.Addr{from, to})
	}
	b.done()
	if err := lines.Err(); err != nil {
		return fmt.Errorf("read labelled flows: %w", err)
	}
	if s.Flows == 0 {
		return errors.New("no row of it has a label")
	}
	return nil
}

// moment reads Unix seconds and the dates that labelled flows are written with, in UTC.
func moment(s string) (time.Time, error) {
	if sec, err := strconv.ParseFloat(s, 64); err == nil {
		if !(math.Abs(sec) < 9e9) {
			return time.Time{}, errors.New("no time")
		}
		whole := math.Floor(sec)
		return time.Unix(int64(whole), int64((sec-whole)*1e9)).UTC(), nil
	}
	for _, layout := range []string{"2006/01/02 15:04:05", time.DateTime, time.RFC3339} {
		if at, err := time.Parse(layout, s); err == nil {
			return at, nil
		}
	}
	return time.Time{}, errors.New("no time")
}

// SPDX-License-Identifier: Apache-2.0

package app

import (
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"tidewatch/query"
)

// HistoryAnswer is an answer with the names of its columns.
type HistoryAnswer struct {
	query.Answer

	dimensions []query.Dimension
}

// WriteText prints a table of the groups; series are for programs.
func (a *HistoryAnswer) WriteText(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s to %s, from %s: %d flows looked at in %.0f ms\n", a.From.Format(time.RFC3339), a.To.Format(time.RFC3339), sourceText(a.Source), a.ScannedFlows, a.TookMS)
	if a.Partial {
		paragraph(&b, "partial: ", a.Reason)
	}
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	names := make([]string, 0, len(a.dimensions))
	for _, d := range a.dimensions {
		names = append(names, strings.ToUpper(string(d)))
	}
	_, _ = fmt.Fprintf(t, "%s\tBYTES\tPACKETS\tFLOWS\tSHARE\n", strings.Join(append(names, ""), "\t")) // a Builder takes all
	line := func(name string, v query.Volume, share float64) {
		_, _ = fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s%%\n", name, count(float64(v.Bytes)), count(float64(v.Packets)), count(float64(v.Flows)),
			strconv.FormatFloat(100*share, 'f', 1, 64))
	}
	rest := strings.Repeat("\t", max(len(names)-1, 0)+1)
	for i := range a.Groups {
		g := &a.Groups[i]
		line(strings.Join(g.Key, "\t")+"\t", g.Volume, g.Share)
	}
	if len(a.dimensions) > 0 {
		line("others"+rest, a.Other.Volume, a.Other.Share)
	} else {
		rest = ""
	}
	whole := 0.0
	if a.Total.Of(a.By) > 0 {
		whole = 1
	}
	line("total"+rest, a.Total, whole)
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func sourceText(s query.Source) string {
	if s == query.Raw {
		return "the flows themselves"
	}
	return "sums by " + string(s)
}

// WriteCSV prints a line for each group, and for each of its points when there are any.
func (a *HistoryAnswer) WriteCSV(w io.Writer) error {
	out := csv.NewWriter(w)
	var head []string
	if len(a.Times) > 0 {
		head = append(head, "time")
	}
	for _, d := range a.dimensions {
		head = append(head, string(d))
	}
	if len(a.Times) > 0 {
		head = append(head, string(a.By))
	} else {
		head = append(head, "bytes", "packets", "flows", "share")
	}
	if err := out.Write(head); err != nil {
		return err
	}
	others := make([]string, len(a.dimensions))
	for i := range others {
		others[i] = "others"
	}
	for i := range a.Groups {
		g := &a.Groups[i]
		if err := a.writeGroup(out, g.Key, g.Volume, g.Share, g.Series); err != nil {
			return err
		}
	}
	if err := a.writeGroup(out, others, a.Other.Volume, a.Other.Share, a.Other.Series); err != nil {
		return err
	}
	out.Flush()
	return out.Error()
}

func (a *HistoryAnswer) writeGroup(out *csv.Writer, key []string, v query.Volume, share float64, series []uint64) error {
	number := func(n uint64) string { return strconv.FormatUint(n, 10) }
	if len(a.Times) == 0 {
		return out.Write(append(append([]string{}, key...), number(v.Bytes), number(v.Packets), number(v.Flows), strconv.FormatFloat(share, 'g', 6, 64)))
	}
	for i, at := range a.Times[:min(len(a.Times), len(series))] {
		if err := out.Write(append(append([]string{at.Format(time.RFC3339)}, key...), number(series[i]))); err != nil {
			return err
		}
	}
	return nil
}

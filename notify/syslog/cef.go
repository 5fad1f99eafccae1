// SPDX-License-Identifier: Apache-2.0

package syslog

import (
	"net/netip"
	"strconv"
	"strings"
	"time"

	"tidewatch/detect"
	"tidewatch/notify"
)

// The lengths that the CEF specification (version 25, "CEF Key Names") allows.
const (
	maxCEFName = 512
	maxCEFMsg  = 1023
)

// extension gathers the key=value pairs of CEF, the most important first.
type extension struct{ pairs []string }

func (e *extension) add(key, value string) {
	if value != "" {
		e.pairs = append(e.pairs, key+"="+escape(value))
	}
}

// custom adds a value under one of the keys that are free for anybody, with its name.
func (e *extension) custom(key, label, value string) {
	if value != "" {
		e.pairs = append(e.pairs, key+"Label="+escape(label)+" "+key+"="+escape(value))
	}
}

// escape does what a value of the extension needs: backslash and equal sign. A line
// end cannot be in it.
func escape(s string) string { return strings.NewReplacer(`\`, `\\`, `=`, `\=`).Replace(s) }

// field does what a field before the extension needs: backslash and pipe.
func field(s string) string { return strings.NewReplacer(`\`, `\\`, `|`, `\|`).Replace(s) }

// cef writes a message in at most room bytes: what does not fit is left out, from the
// end on, and how much that was stands in flexNumber1.
func cef(m *notify.Message, w *notify.Words, room int) string {
	head := "CEF:0|tidewatch|tidewatch|1|" + field(notify.Cut(code(m), maxParam)) + "|" + field(notify.Cut(name(m), maxCEFName/4)) + "|" + cefSeverity(w.Severity) + "|"
	all := cefExtension(m, w)
	for n := len(all); ; n-- {
		text := head + strings.Join(all[:n], " ")
		if left := len(all) - n; left > 0 {
			text += " flexNumber1Label=fieldsLeftOut flexNumber1=" + strconv.Itoa(left)
		}
		if len(text) <= room || n == 0 {
			return text
		}
	}
}

func cefExtension(m *notify.Message, w *notify.Words) []string {
	var e extension
	e.add("rt", millis(m.At))
	e.add("externalId", m.Key)
	e.add("act", string(m.Status))
	i := m.Incident
	if i == nil {
		e.add("cnt", strconv.Itoa(len(m.Digest)+m.More))
		e.add("msg", cutTo(digestText(w), maxCEFMsg))
		e.add("request", w.Link)
		return e.pairs
	}
	e.add("cat", string(i.Category))
	e.custom("cs1", "subject", notify.Cut(notify.Line(i.Subject), maxParam))
	between := endsOf(i)
	e.address(between.source, "src", "c6a2", "Source IPv6 Address")
	e.address(between.destination, "dst", "c6a3", "Destination IPv6 Address")
	e.add("dpt", positive(float64(between.port)))
	e.add("start", millis(i.Started))
	e.add("end", millis(i.Ended))
	e.custom("cs2", "state", string(i.State))
	e.add("reason", notify.Cut(i.Reason, maxParam))
	e.custom("cfp1", "score", strconv.FormatFloat(i.Score, 'g', 4, 64))
	e.custom("cn1", "bytes", positive(float64(i.Metrics.Bytes)))
	e.custom("cn2", "peakPacketsPerSecond", positive(max(i.Metrics.PeakPacketsPerSecond, i.Metrics.PacketsPerSecond)))
	e.custom("cn3", "peakBitsPerSecond", positive(max(i.Metrics.PeakBitsPerSecond, i.Metrics.BitsPerSecond)))
	e.add("msg", cutTo(w.Title, maxCEFMsg/4))
	e.add("request", w.Link)
	e.custom("cs3", "event", string(m.Event))
	if a := i.Assessment; a != nil {
		e.custom("cs4", "verdict", w.Verdict)
		e.custom("cs5", "attackTechniques", strings.Join(a.Techniques, ","))
	}
	e.custom("cs6", "evidence", strings.Join(w.Evidence, " "))
	return e.pairs
}

// address uses the keys for IPv6 where it is one: src and dst are IPv4 in CEF:0.
func (e *extension) address(a netip.Addr, four, six, label string) {
	switch a = a.Unmap().WithZone(""); {
	case a.Is4():
		e.add(four, a.String())
	case a.Is6():
		e.custom(six, label, a.String())
	}
}

func digestText(w *notify.Words) string {
	texts := make([]string, 1, 1+len(w.Items))
	texts[0] = w.Title
	for _, item := range w.Items {
		texts = append(texts, item.Text)
	}
	return strings.Join(texts, "; ")
}

// cefSeverity is on CEF's scale, where 0-3 is low, to 6 medium, to 8 high, to 10 very high.
func cefSeverity(s detect.Severity) string {
	switch s {
	case detect.Critical:
		return "10"
	case detect.High:
		return "8"
	case detect.Medium:
		return "6"
	default:
		return "3"
	}
}

func millis(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return strconv.FormatInt(t.UnixMilli(), 10)
}

// positive writes a whole number, nothing for none.
func positive(v float64) string {
	if v < 1 || v > 1<<62 {
		return ""
	}
	return strconv.FormatInt(int64(v), 10)
}

// cutTo shortens to a number of bytes, at the end of a rune.
func cutTo(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n-3], "") + "..."
}

// SPDX-License-Identifier: Apache-2.0

package zeek

import (
	"bytes"
	"slices"
	"strings"

	"tidewatch/flowfile"
)

// field is one column of conn.log that a flow needs.
type field uint8

const (
	none field = iota
	ts
	origHost
	origPort
	respHost
	respPort
	proto
	ipProto
	duration
	origBytes
	respBytes
	connState
	history
	origPackets
	origIPBytes
	respPackets
	respIPBytes
	logPath // JSON only: which log a line belongs to
	numFields
)

// fieldOf knows a column by its name. Some shippers write id_orig_h for
// id.orig_h, since a dot means nesting to them.
func fieldOf(name []byte) field {
	switch string(name) {
	case "ts":
		return ts
	case "id.orig_h", "id_orig_h":
		return origHost
	case "id.orig_p", "id_orig_p":
		return origPort
	case "id.resp_h", "id_resp_h":
		return respHost
	case "id.resp_p", "id_resp_p":
		return respPort
	case "proto":
		return proto
	case "ip_proto":
		return ipProto
	case "duration":
		return duration
	case "orig_bytes":
		return origBytes
	case "resp_bytes":
		return respBytes
	case "conn_state":
		return connState
	case "history":
		return history
	case "orig_pkts":
		return origPackets
	case "orig_ip_bytes":
		return origIPBytes
	case "resp_pkts":
		return respPackets
	case "resp_ip_bytes":
		return respIPBytes
	case "_path", "@stream", "@path", "log_type":
		return logPath
	}
	return none
}

// row is one line: the values of the fields that are set.
type row [numFields][]byte

// json takes a line apart; false means it is no whole object.
func (r *row) json(line []byte) bool {
	*r = row{}
	o := flowfile.NewObject(line)
	for k, v, ok := o.Next(); ok; k, v, ok = o.Next() {
		if f := fieldOf(k); f != none {
			if v = flowfile.Text(v); string(v) == "-" {
				v = nil
			}
			r[f] = v
		}
	}
	return !o.Damaged()
}

// log names the log that a JSON line belongs to. Where it does not say, the
// members decide that only conn.log has.
func (r *row) log() string {
	switch {
	case len(r[logPath]) > 0:
		return string(r[logPath][:min(len(r[logPath]), 40)])
	case len(r[connState]) > 0 || len(r[origPackets]) > 0 || len(r[origIPBytes]) > 0:
		return "conn"
	}
	return "unknown"
}

// looksZeek tells Zeek's JSON from that of others: all its logs of events have ts.
func (r *row) looksZeek() bool {
	return len(r[ts]) > 0
}

// header is what the lines with # have told so far.
type header struct {
	separator []byte
	unset     string
	path      string
	roles     []field // by column
}

// line reads one header line.
func (h *header) line(line []byte) {
	if h.separator == nil {
		h.separator, h.unset = []byte("\t"), "-"
	}
	if s, ok := bytes.CutPrefix(line, []byte("#separator ")); ok {
		if s = unescape(s); len(s) > 0 {
			h.separator = s
		}
		return
	}
	name, rest, _ := bytes.Cut(line, h.separator)
	switch string(name) {
	case "#unset_field":
		h.unset = string(rest)
	case "#path":
		h.path = string(rest)
	case "#fields":
		h.roles = h.roles[:0]
		for f := range bytes.SplitSeq(rest, h.separator) {
			role := fieldOf(f)
			if role == logPath { // a column of another log's data, not the log's name
				role = none
			}
			h.roles = append(h.roles, role)
		}
	}
}

// unescape undoes the \x09 in which Zeek writes its separator.
func unescape(s []byte) []byte {
	var out []byte
	for len(s) > 0 {
		if len(s) >= 4 && s[0] == '\\' && s[1] == 'x' {
			if v, ok := flowfile.ParseHex(s[2:4], 255); ok {
				out, s = append(out, byte(v)), s[4:]
				continue
			}
		}
		out, s = append(out, s[0]), s[1:]
	}
	return out
}

// tsv takes a line apart by the header; false means that columns are missing.
func (r *row) tsv(line []byte, h *header) bool {
	*r = row{}
	for i, f := range h.roles {
		value := line
		at := bytes.Index(line, h.separator)
		switch {
		case at >= 0:
			value, line = line[:at], line[at+len(h.separator):]
		case i < len(h.roles)-1:
			return false
		}
		if f != none && string(value) != h.unset && string(value) != "(empty)" {
			r[f] = value
		}
	}
	return true
}

// refuseTSV says why a tab-separated log cannot be read, or nothing.
func refuseTSV(head []byte) string {
	var h header
	for line := range bytes.SplitSeq(head, []byte("\n")) {
		line = bytes.Trim(line, " \t\r")
		if len(line) == 0 {
			continue
		}
		if line[0] != '#' {
			break
		}
		h.line(line)
	}
	return refusePath(h.path, h.has(origHost) && h.has(respHost) && h.has(proto) && h.has(ts))
}

func (h *header) has(f field) bool {
	return slices.Contains(h.roles, f)
}

func refusePath(path string, isConn bool) string {
	switch {
	case !isConnections(path):
		return "Zeek's " + flowfile.Word(strings.TrimSuffix(path, ".log")) + ".log has no flows; of Zeek's logs conn.log is read"
	case !isConn:
		return "a Zeek log without the columns of conn.log, the one that has flows"
	}
	return ""
}

// refuseJSON says why a JSON log cannot be read: no line of its beginning is of
// conn.log, and its lines do not name different logs.
func refuseJSON(head []byte) string {
	logs := map[string]bool{}
	var last string
	for line := range bytes.SplitSeq(head, []byte("\n")) {
		var r row
		if line = bytes.TrimSpace(line); len(line) == 0 || !r.json(line) {
			continue
		}
		last = r.log()
		logs[last] = true
	}
	if logs["conn"] || logs[openLog] || len(logs) != 1 {
		return ""
	}
	if last == "unknown" {
		return refusePath("", false)
	}
	return refusePath(last, true)
}

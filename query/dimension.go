// SPDX-License-Identifier: Apache-2.0

package query

import (
	"fmt"
	"slices"
	"strings"
)

// Dimension is what flows are grouped by.
type Dimension string

// The dimensions.
const (
	Src      Dimension = "src"
	Dst      Dimension = "dst"
	Device   Dimension = "device" // the own end; a flow between two own addresses counts for each of them
	Peer     Dimension = "peer"   // the end that is not the device
	SrcPort  Dimension = "src_port"
	DstPort  Dimension = "dst_port"
	Service  Dimension = "service" // protocol and the lower port, tcp/443; ports from 32768 on are "dynamic"
	Proto    Dimension = "proto"
	SrcAS    Dimension = "src_as"
	DstAS    Dimension = "dst_as"
	Exporter Dimension = "exporter"
	Input    Dimension = "input"
	Output   Dimension = "output"
	SrcNet   Dimension = "src_net" // /24, /48 in IPv6
	DstNet   Dimension = "dst_net"
	SrcNet16 Dimension = "src_net16" // /16, /32 in IPv6
	DstNet16 Dimension = "dst_net16"
	TCPFlags Dimension = "tcp_flags"
)

// Dimensions are all of them, in the order of the documentation.
func Dimensions() []Dimension {
	return []Dimension{
		Src, Dst, Device, Peer, SrcPort, DstPort, Service, Proto, SrcAS, DstAS, Exporter, Input, Output,
		SrcNet, DstNet, SrcNet16, DstNet16, TCPFlags,
	}
}

// ParseGroup reads dimensions separated by commas; "" is none.
func ParseGroup(text string) ([]Dimension, error) {
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	if strings.Count(text, ",") >= MaxGroup {
		return nil, fmt.Errorf("group by at most %d dimensions", MaxGroup)
	}
	var out []Dimension
	for word := range strings.SplitSeq(text, ",") {
		d, err := dimension(strings.ToLower(strings.TrimSpace(word)))
		if err != nil {
			return nil, err
		}
		if slices.Contains(out, d) {
			return nil, fmt.Errorf("%s is named twice in the group", d)
		}
		out = append(out, d)
	}
	return out, nil
}

func dimension(word string) (Dimension, error) {
	known := Dimensions()
	names := make([]string, len(known))
	for i, d := range known {
		if word == string(d) {
			return d, nil
		}
		names[i] = string(d)
	}
	return "", fmt.Errorf("%q is no dimension; there are %s", cut(word), strings.Join(names, ", "))
}

// Measure is what makes a group large.
type Measure string

// The measures.
const (
	Bytes   Measure = "bytes"
	Packets Measure = "packets"
	Flows   Measure = "flows"
)

// ParseMeasure reads a measure; "" is Bytes.
func ParseMeasure(text string) (Measure, error) {
	switch m := Measure(text); m {
	case "":
		return Bytes, nil
	case Bytes, Packets, Flows:
		return m, nil
	}
	return "", fmt.Errorf("%q is no measure; there are bytes, packets, flows", cut(text))
}

// Source is what an answer is taken from. A question may leave the choice open.
type Source string

// The sources. Auto and Rollup stand in questions alone, Minutes and Hours in answers.
const (
	Auto    Source = "auto"
	Raw     Source = "raw"
	Rollup  Source = "rollup"
	Minutes Source = "minutes"
	Hours   Source = "hours"
)

// ParseSource reads the source of a question; "" is Auto.
func ParseSource(text string) (Source, error) {
	switch s := Source(text); s {
	case "":
		return Auto, nil
	case Auto, Raw, Rollup:
		return s, nil
	case Minutes, Hours: // are for the engine to choose
	}
	return "", fmt.Errorf("%q is no source; there are auto, raw, rollup", cut(text))
}

// cut keeps a stranger's text short in an error.
func cut(text string) string {
	if len(text) > 40 {
		return strings.ToValidUTF8(text[:40], "") + "..."
	}
	return text
}

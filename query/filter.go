// SPDX-License-Identifier: Apache-2.0

package query

import (
	"net/netip"
	"strings"
)

// Filter is a parsed filter. The zero value and nil match every flow.
type Filter struct{ root *node }

// op is what a node of the tree does.
type op uint8

const (
	opAnd op = iota
	opOr
	opNot
	opTest
)

// node is a part of a filter.
type node struct {
	op    op
	parts []*node // of and, or, not
	// Of a test:
	field   *field
	compare string // = != < <= > >= in
	values  []value
}

// Empty reports whether f matches every flow.
func (f *Filter) Empty() bool { return f == nil || f.root == nil }

// String writes the filter in normal form: lower case, single spaces, as few
// parentheses as possible. Parsing it again gives the same filter.
func (f *Filter) String() string {
	if f.Empty() {
		return ""
	}
	var b strings.Builder
	f.root.write(&b)
	return b.String()
}

func (n *node) write(b *strings.Builder) {
	switch n.op {
	case opAnd, opOr:
		word := " and "
		if n.op == opOr {
			word = " or "
		}
		for i, p := range n.parts {
			if i > 0 {
				b.WriteString(word)
			}
			p.writeInside(b, n.op)
		}
	case opNot:
		b.WriteString("not ")
		n.parts[0].writeInside(b, opNot)
	case opTest:
		n.writeTest(b)
	}
}

// writeInside puts parentheses where the tree would be another one without.
func (n *node) writeInside(b *strings.Builder, outer op) {
	if n.op == opOr || n.op == opAnd && outer == opNot {
		b.WriteByte('(')
		n.write(b)
		b.WriteByte(')')
		return
	}
	n.write(b)
}

func (n *node) writeTest(b *strings.Builder) {
	b.WriteString(n.field.name)
	b.WriteByte(' ')
	b.WriteString(n.compare)
	b.WriteByte(' ')
	if n.compare != "in" {
		b.WriteString(n.values[0].text(n.field))
		return
	}
	b.WriteByte('(')
	for i := range n.values {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(n.values[i].text(n.field))
	}
	b.WriteByte(')')
}

// One reports whether a filter asks for one value of one column and nothing else.
func (f *Filter) One() bool {
	if f.Empty() || f.root.op != opTest || len(f.root.field.cols) > 1 || len(f.root.values) != 1 {
		return false
	}
	v := &f.root.values[0]
	switch {
	case f.root.compare != "=" && f.root.compare != "in":
		return false
	case f.root.field.kind == kindAddr:
		return v.prefix.IsSingleIP() && !v.until.IsValid()
	}
	return v.low == v.high
}

// Host is the address of a filter that asks for one host and nothing else.
func (f *Filter) Host() (a netip.Addr, ok bool) {
	if f.Empty() || f.root.op != opTest || f.root.field.name != "host" || f.root.compare == "!=" || len(f.root.values) != 1 {
		return a, false
	}
	v := &f.root.values[0]
	return v.prefix.Addr(), v.prefix.IsSingleIP() && !v.until.IsValid()
}

// join flattens and within and, or within or.
func join(o op, parts []*node) *node {
	if len(parts) == 1 {
		return parts[0]
	}
	flat := make([]*node, 0, len(parts))
	for _, p := range parts {
		if p.op == o {
			flat = append(flat, p.parts...)
		} else {
			flat = append(flat, p)
		}
	}
	return &node{op: o, parts: flat}
}

// SPDX-License-Identifier: Apache-2.0

package query

// Rows holds rows column by column and applies one test to one column: bit i of
// out says whether row i passes, bits behind the last row are 0. Filters of which
// no test is asked need no column at all.
type Rows interface {
	Test(t *Test, out []uint64) error
}

// Zones knows the least and the largest values of many rows.
type Zones interface {
	Judge(t *Test) Verdict
}

// Matcher is a filter ready to be asked. It holds nothing that changes, so that
// many may ask it at once.
type Matcher struct {
	root    *step
	columns Columns
}

// step is a node with its tests compiled.
type step struct {
	op    op
	parts []*step
	test  Test
}

// Compile prepares f, which may be nil.
func (f *Filter) Compile() *Matcher {
	m := &Matcher{}
	if !f.Empty() {
		m.root = m.compile(f.root)
	}
	return m
}

// Columns are what the filter looks at.
func (m *Matcher) Columns() Columns { return m.columns }

// All reports whether every flow matches.
func (m *Matcher) All() bool { return m.root == nil }

func (m *Matcher) compile(n *node) *step {
	if n.op != opTest {
		s := &step{op: n.op}
		for _, p := range n.parts {
			s.parts = append(s.parts, m.compile(p))
		}
		return s
	}
	either := &step{op: opOr}
	for _, c := range n.field.cols {
		m.columns |= 1 << c
		either.parts = append(either.parts, &step{op: opTest, test: newTest(n, c)})
	}
	s := either
	if len(either.parts) == 1 {
		s = either.parts[0]
	}
	if n.compare == "!=" {
		return &step{op: opNot, parts: []*step{s}}
	}
	return s
}

// Judge tells whether the rows behind z can be left out, or match all alike.
func (m *Matcher) Judge(z Zones) Verdict {
	if m.root == nil {
		return All
	}
	return m.root.judge(z)
}

func (s *step) judge(z Zones) Verdict {
	switch s.op {
	case opTest:
		return z.Judge(&s.test)
	case opNot:
		return s.parts[0].judge(z).not()
	case opAnd, opOr:
	}
	ends, goesOn := None, All // of and: one None settles it, all All are All
	if s.op == opOr {
		ends, goesOn = All, None
	}
	out := goesOn
	for _, p := range s.parts {
		switch p.judge(z) {
		case ends:
			return ends
		case goesOn:
		default:
			out = Some
		}
	}
	return out
}

// Scratch is memory that one asker of a Matcher uses again and again.
type Scratch struct{ free [][]uint64 }

func (s *Scratch) take(words int) []uint64 {
	if n := len(s.free); n > 0 && cap(s.free[n-1]) >= words {
		out := s.free[n-1][:words]
		s.free = s.free[:n-1]
		return out
	}
	return make([]uint64, words)
}

func (s *Scratch) give(b []uint64) { s.free = append(s.free, b) }

// Words is the length of a bitmap of n rows.
func Words(n int) int { return (n + 63) / 64 }

// Match sets bit i of out when row i of n matches. A column is asked for only when
// the parts before it have not settled all rows.
func (m *Matcher) Match(rows Rows, n int, out []uint64, s *Scratch) error {
	if m.root == nil {
		fill(out, n)
		return nil
	}
	return m.root.match(rows, n, out, s)
}

func (s *step) match(rows Rows, n int, out []uint64, scratch *Scratch) error {
	switch s.op {
	case opTest:
		return rows.Test(&s.test, out)
	case opNot:
		if err := s.parts[0].match(rows, n, out, scratch); err != nil {
			return err
		}
		for i := range out {
			out[i] = ^out[i]
		}
		trim(out, n)
		return nil
	case opAnd, opOr:
	}
	if err := s.parts[0].match(rows, n, out, scratch); err != nil {
		return err
	}
	one := scratch.take(len(out))
	defer scratch.give(one)
	for _, p := range s.parts[1:] {
		if s.op == opAnd && none(out) || s.op == opOr && full(out, n) {
			return nil
		}
		if err := p.match(rows, n, one, scratch); err != nil {
			return err
		}
		for i := range out {
			if s.op == opAnd {
				out[i] &= one[i]
			} else {
				out[i] |= one[i]
			}
		}
	}
	return nil
}

// fill sets the bits of n rows.
func fill(out []uint64, n int) {
	for i := range out {
		out[i] = ^uint64(0)
	}
	trim(out, n)
}

// trim clears the bits behind row n.
func trim(out []uint64, n int) {
	if n%64 != 0 {
		out[len(out)-1] &= 1<<(n%64) - 1
	}
}

func none(b []uint64) bool {
	for _, w := range b {
		if w != 0 {
			return false
		}
	}
	return true
}

func full(b []uint64, n int) bool {
	for i, w := range b {
		want := ^uint64(0)
		if i == len(b)-1 && n%64 != 0 {
			want = 1<<(n%64) - 1
		}
		if w != want {
			return false
		}
	}
	return true
}

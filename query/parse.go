// SPDX-License-Identifier: Apache-2.0

package query

// Bounds of a filter; the end of what is too much is named in the error.
const (
	MaxFilter = 8192 // bytes
	maxDepth  = 32   // parentheses and nots within each other
	maxTests  = 256  // comparisons
	maxValues = 1024 // values in all lists
)

// Parse reads a filter; a blank text matches every flow. Errors are *SyntaxError.
func Parse(text string) (*Filter, error) {
	if len(text) > MaxFilter {
		return nil, errorAt(MaxFilter, "a filter has at most %d characters", MaxFilter)
	}
	p := &parser{lex: lexer{text: text}}
	if err := p.advance(); err != nil {
		return nil, err
	}
	if p.token.text == "" {
		return &Filter{}, nil
	}
	root, err := p.either(0)
	if err != nil {
		return nil, err
	}
	if p.token.text != "" {
		return nil, errorAt(p.token.pos, "expected and, or, or the end, not %s", p.token.what())
	}
	f := &Filter{root}
	if len(f.String()) > MaxFilter {
		return nil, errorAt(len(text), "in normal form the filter has more than %d characters", MaxFilter)
	}
	return f, nil
}

// parser holds the token that is looked at.
type parser struct {
	lex           lexer
	token         token
	tests, values int
}

func (p *parser) advance() (err error) {
	p.token, err = p.lex.next()
	return err
}

// either reads what stands between ors, the weakest of all.
func (p *parser) either(depth int) (*node, error) { return p.list(depth, opOr, "or", p.both) }

func (p *parser) both(depth int) (*node, error) { return p.list(depth, opAnd, "and", p.term) }

func (p *parser) list(depth int, o op, word string, part func(int) (*node, error)) (*node, error) {
	var parts []*node
	for {
		n, err := part(depth)
		if err != nil {
			return nil, err
		}
		parts = append(parts, n)
		if !p.token.word || !p.token.is(word) {
			return join(o, parts), nil
		}
		if err := p.advance(); err != nil {
			return nil, err
		}
	}
}

// term reads a comparison, or what stands behind not or within parentheses.
func (p *parser) term(depth int) (*node, error) {
	at := p.token.pos
	negative := p.token.word && p.token.is("not")
	if !negative && !p.token.is("(") {
		return p.test()
	}
	if depth == maxDepth {
		return nil, errorAt(at, "parentheses and nots lie at most %d deep", maxDepth)
	}
	if err := p.advance(); err != nil {
		return nil, err
	}
	if negative {
		n, err := p.term(depth + 1)
		if err != nil {
			return nil, err
		}
		return &node{op: opNot, parts: []*node{n}}, nil
	}
	n, err := p.either(depth + 1)
	if err != nil {
		return nil, err
	}
	if !p.token.is(")") {
		return nil, errorAt(p.token.pos, "expected and, or, or ) for the ( at position %d, not %s", at+1, p.token.what())
	}
	return n, p.advance()
}

func (p *parser) test() (*node, error) {
	if p.tests++; p.tests > maxTests {
		return nil, errorAt(p.token.pos, "at most %d comparisons", maxTests)
	}
	f, known := fieldNamed(p.token.text)
	switch {
	case !p.token.word:
		return nil, errorAt(p.token.pos, "expected a field, not or (, not %s", p.token.what())
	case !known:
		return nil, errorAt(p.token.pos, "%s is no field; there are %s", p.token.what(), fieldNames())
	}
	if err := p.advance(); err != nil {
		return nil, err
	}
	n := &node{op: opTest, field: f}
	switch t := &p.token; {
	case t.is("="), t.is("!="):
		n.compare = t.text
	case t.is("<"), t.is("<="), t.is(">"), t.is(">="):
		if !f.ordered() {
			return nil, errorAt(t.pos, "%s has no order; use =, != or in", f.name)
		}
		n.compare = t.text
	case t.is("in"):
		n.compare = "in"
	default:
		return nil, errorAt(t.pos, "expected =, !=, <, <=, >, >= or in behind %s, not %s", f.name, t.what())
	}
	if err := p.advance(); err != nil {
		return nil, err
	}
	if n.compare == "in" {
		return n, p.set(n)
	}
	return n, p.value(n, false)
}

// set reads (a, b..c).
func (p *parser) set(n *node) error {
	if !p.token.is("(") {
		return errorAt(p.token.pos, "expected ( and a list behind in, not %s", p.token.what())
	}
	for {
		if err := p.advance(); err != nil {
			return err
		}
		if err := p.value(n, true); err != nil {
			return err
		}
		switch {
		case p.token.is(")"):
			return p.advance()
		case !p.token.is(","):
			return errorAt(p.token.pos, "expected , or ) in the list, not %s", p.token.what())
		}
	}
}

// value reads one value, or a range where one may stand.
func (p *parser) value(n *node, mayRange bool) error {
	if p.values++; p.values > maxValues {
		return errorAt(p.token.pos, "at most %d values", maxValues)
	}
	first := p.token
	low, err := p.single(n.field)
	if err != nil {
		return err
	}
	if !p.token.is("..") {
		n.values = append(n.values, low)
		return nil
	}
	switch {
	case !mayRange:
		return errorAt(p.token.pos, "a range stands in a list: %s in (a..b)", n.field.name)
	case !n.field.ranges():
		return errorAt(p.token.pos, "%s has no ranges", n.field.name)
	case low.prefix.IsValid() && !low.prefix.IsSingleIP():
		return errorAt(first.pos, "a range goes from address to address, not from a prefix")
	}
	if err := p.advance(); err != nil {
		return err
	}
	at := p.token.pos
	high, err := p.single(n.field)
	if err != nil {
		return err
	}
	both, message := low.to(high)
	if message != "" {
		return errorAt(at, "%s", message)
	}
	n.values = append(n.values, both)
	return nil
}

func (p *parser) single(f *field) (value, error) {
	if !p.token.word {
		return value{}, errorAt(p.token.pos, "expected a value for %s, not %s", f.name, p.token.what())
	}
	v, message := f.parse(p.token.text)
	if message != "" {
		return value{}, errorAt(p.token.pos, "%s", message)
	}
	return v, p.advance()
}

// SPDX-License-Identifier: Apache-2.0

package query

import (
	"fmt"
	"strings"
)

// SyntaxError is an error at a place in the text of a filter.
type SyntaxError struct {
	Pos     int // bytes before it; everything before it is ASCII
	Message string
}

// Error counts positions from one, as editors do.
func (e *SyntaxError) Error() string { return fmt.Sprintf("position %d: %s", e.Pos+1, e.Message) }

func errorAt(pos int, format string, args ...any) error {
	return &SyntaxError{pos, fmt.Sprintf(format, args...)}
}

// token is a word, an operator or the end (text "").
type token struct {
	text string
	pos  int
	word bool
}

// what names the token in an error.
func (t *token) what() string {
	if t.text == "" {
		return "the end"
	}
	return fmt.Sprintf("%q", cut(t.text))
}

// is compares keywords and operators, whatever their case.
func (t *token) is(text string) bool { return strings.EqualFold(t.text, text) }

// lexer cuts a filter into tokens. Two dots end a word, so that 80..90 is three.
type lexer struct {
	text string
	at   int
}

func (l *lexer) next() (token, error) {
	for l.at < len(l.text) && strings.IndexByte(" \t\r\n", l.text[l.at]) >= 0 {
		l.at++
	}
	from := l.at
	if from == len(l.text) {
		return token{pos: from}, nil
	}
	for l.at < len(l.text) && wordByte(l.text[l.at]) && !strings.HasPrefix(l.text[l.at:], "..") {
		l.at++
	}
	if l.at > from {
		return token{l.text[from:l.at], from, true}, nil
	}
	for _, op := range [...]string{"..", "!=", "<=", ">=", "=", "<", ">", "(", ")", ","} {
		if strings.HasPrefix(l.text[from:], op) {
			l.at += len(op)
			return token{op, from, false}, nil
		}
	}
	if c := l.text[from]; c > ' ' && c < 0x7f {
		return token{}, errorAt(from, "%q means nothing here", string(c))
	}
	return token{}, errorAt(from, "only letters, digits and signs of ASCII can stand in a filter")
}

// wordByte tells what names, numbers, addresses and prefixes are written with.
func wordByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' ||
		c == '_' || c == '.' || c == ':' || c == '/' || c == '-'
}

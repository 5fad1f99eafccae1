// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"tidewatch/test/repeat"
)

const accuracy = "accuracy"

// judge fills all tables.
func (m *matrix) judge(data string, seeds []uint64) error {
	if err := m.captures(context.Background(), data); err != nil {
		return err
	}
	l, err := findLabelled(data)
	if err != nil {
		return err
	}
	if err := m.sheets(context.Background(), data, &l); err != nil {
		return err
	}
	if err := m.scenarios(seeds); err != nil {
		return err
	}
	return m.verdicts.longer(seeds)
}

// confusion judges the captures of a folder and the scenarios, and prints the matrix
// or writes it into a page. It is an error when a row became worse than the page says.
func confusion(out io.Writer, o *options, data, page string, accept bool) error {
	var seeds []uint64
	for seed := o.first; seed < o.first+uint64(o.seeds); seed++ {
		seeds = append(seeds, seed)
	}
	m := matrix{verdicts: verdicts{model: o.model}}
	err := m.judge(data, seeds)
	if told := o.model.tell(out, o.writeModel); err == nil { // it was paid for
		err = told
	}
	if err != nil {
		return err
	}
	text := fmt.Sprintf("Scenarios with seeds %d to %d. Repeated captures: %s.\n\n%s", seeds[0], seeds[len(seeds)-1], repeat.Mix, m.text()) + "\n" + m.verdicts.text() + m.rates() + m.verdicts.parts.text()
	if page == "" {
		_, err := io.WriteString(out, text)
		return err
	}
	now, before, err := replace(page, accuracy, text)
	if err != nil {
		return err
	}
	before, _, _ = strings.Cut(before, verdictsHead)
	worse := append(m.worse(before), m.verdicts.wrong()...)
	if len(worse) > 0 && !accept {
		return fmt.Errorf("worse than %s says, which is left as it was (-accept writes it):\n%s", page, strings.Join(worse, "\n"))
	}
	return os.WriteFile(page, now, 0o644) //nolint:gosec // a page of the project, for everybody
}

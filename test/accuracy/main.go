// SPDX-License-Identifier: Apache-2.0

// Command accuracy measures how often the whole line behind the decoder alarms
// when nothing is wrong: false alerts per device-week, on the scenario "fleet".
// Days that only teach come first, then days that are judged. With -inject it
// does something to a few devices and tells whether that was found. With -data it
// tells what labelled captures and all other scenarios were taken for. The same
// flags print the same tables.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"tidewatch/scenario"
)

// options are the command line.
type options struct {
	devices, seeds, train, days int
	first                       uint64
	inject                      []string
	model                       *asker // nil: none is asked
	writeModel                  string // file that gets its table, too
}

func main() {
	o := options{}
	flag.IntVar(&o.devices, "devices", 500, "devices of the fleet")
	flag.IntVar(&o.seeds, "seeds", 2, "how many networks are tried")
	flag.Uint64Var(&o.first, "seed", 1, "seed of the first network; the others follow")
	flag.IntVar(&o.train, "train", 30, "days that only teach")
	flag.IntVar(&o.days, "days", 28, "days that are judged after them")
	inject := flag.String("inject", "", `what is done to some devices: "all", or of `+strings.Join(scenario.Injections(), ","))
	asJSON := flag.Bool("json", false, "print JSON, with every false alert")
	write := flag.String("write", "", "put the tables into this page, between its two markers, instead of printing them")
	real := flag.Bool("recorded", false, "instead: judge the real series in the CSV files named as arguments, each as one device")
	data := flag.String("data", "", "instead: a confusion matrix of the labelled captures in this folder and of all scenarios")
	accept := flag.Bool("accept", false, "with -data: write the page although something became worse")
	config := flag.String("config", "", "with -data: a configuration whose section triage names a model; it is asked about the same incidents, which costs what it costs, and a table of its verdicts is printed")
	only := flag.String("only", "", "with -data: a table of its own, series or sampling")
	flag.StringVar(&o.writeModel, "write-model", "", "with -config: put that table into this file, too")
	flag.Parse()
	if err := o.configure(*config, *data != ""); err != nil {
		fmt.Fprintln(os.Stderr, "accuracy:", err)
		os.Exit(1)
	}
	if *only != "" {
		if err := onlyTable(os.Stdout, *only, *data, *write, *accept); err != nil {
			fmt.Fprintln(os.Stderr, "accuracy:", err)
			os.Exit(1)
		}
		return
	}
	if *data != "" {
		if err := confusion(os.Stdout, &o, *data, *write, *accept); err != nil {
			fmt.Fprintln(os.Stderr, "accuracy:", err)
			os.Exit(1)
		}
		return
	}
	if *real {
		if err := recorded(os.Stdout, &o, flag.Args()); err != nil {
			fmt.Fprintln(os.Stderr, "accuracy:", err)
			os.Exit(1)
		}
		return
	}
	switch *inject {
	case "":
	case "all":
		o.inject = scenario.Injections()
	default:
		o.inject = strings.Split(*inject, ",")
	}
	if err := measure(os.Stdout, &o, *asJSON, *write); err != nil {
		fmt.Fprintln(os.Stderr, "accuracy:", err)
		os.Exit(1)
	}
}

func measure(out io.Writer, o *options, asJSON bool, page string) error {
	if o.seeds < 1 || o.train < 0 || o.days < 1 {
		return errors.New("at least one seed and one judged day are needed")
	}
	if page != "" { // tell it now, not after ten minutes
		if _, _, err := replace(page, falseAlerts, ""); err != nil {
			return err
		}
	}
	r := &report{Version: 1, Devices: o.devices, TrainDays: o.train, JudgedDays: o.days, Injections: o.inject}
	for seed := o.first; seed < o.first+uint64(o.seeds); seed++ {
		begin := time.Now()
		if err := play(o, seed, r, progress(seed)); err != nil {
			return fmt.Errorf("seed %d: %w", seed, err)
		}
		say("seed %d took %v\n", seed, time.Since(begin).Round(time.Second))
	}
	r.finish()
	if page != "" {
		text, _, err := replace(page, falseAlerts, r.text())
		if err != nil {
			return err
		}
		if err := os.WriteFile(page, text, 0o644); err != nil { //nolint:gosec // a page of the project, for everybody
			return err
		}
	}
	switch {
	case asJSON:
		e := json.NewEncoder(out)
		e.SetIndent("", "  ")
		return e.Encode(r)
	case page != "":
		return nil
	}
	_, err := io.WriteString(out, r.text())
	return err
}

// say writes to stderr when a person may be looking.
func say(format string, args ...any) {
	if info, err := os.Stderr.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
		_, _ = fmt.Fprintf(os.Stderr, format, args...)
	}
}

// progress tells a new day of flow time, at most every second.
func progress(seed uint64) func(day, of int) {
	var shown time.Time
	return func(day, of int) {
		if time.Since(shown) > time.Second {
			shown = time.Now()
			say("seed %d: day %d of %d\r", seed, day, of)
		}
	}
}

// marks are the lines between which a page holds what a make target writes.
type marks struct{ begin, end string }

func marksOf(target string) marks {
	return marks{"<!-- " + target + ": written by `make " + target + "`, do not edit -->\n", "<!-- " + target + ": end -->\n"}
}

const falseAlerts = "false-alerts"

// replace returns the page with text between the marks of a target, and what was
// there before.
func replace(page, target, text string) (now []byte, before string, err error) {
	old, err := os.ReadFile(page) //nolint:gosec // the caller names the page
	if err != nil {
		return nil, "", err
	}
	m := marksOf(target)
	head, rest, begins := strings.Cut(string(old), m.begin)
	before, tail, ends := strings.Cut(rest, m.end)
	if !begins || !ends {
		return nil, "", fmt.Errorf("%s has no lines %q and %q", page, strings.TrimSpace(m.begin), strings.TrimSpace(m.end))
	}
	return []byte(head + m.begin + text + m.end + tail), before, nil
}

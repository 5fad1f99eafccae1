// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"net/netip"
	"os"
	"time"

	"tidewatch/app"
)

// judging are the flags that analyze and evaluate share.
type judging struct {
	Config      string   `short:"c" placeholder:"FILE" help:"Configuration file (YAML)."`
	Internal    []string `placeholder:"CIDR" help:"An own network; repeat for more. Default: RFC 1918, RFC 6598, fc00::/7, fe80::/10."`
	Timezone    string   `placeholder:"ZONE" help:"The site's time zone, such as Europe/Berlin. Default for files: UTC."`
	InputFormat string   `placeholder:"NAME" help:"Read the files as this format instead of finding out."`
	Format      string   `enum:"text,json" default:"text" help:"How to print: ${enum}."`
	Train       []string `placeholder:"FILE" help:"A file that only teaches what is normal; repeat for more."`
	TrainUntil  string   `placeholder:"TIME" help:"Flows before this time (RFC 3339) only teach."`
	Learned     bool     `help:"Judge by what is in the data directory (see learn)."`
	Sampling    uint32   `placeholder:"N" help:"One of N packets was sampled, where the file does not say."`
	Quiet       bool     `short:"q" help:"No progress and no warnings on stderr."`
}

// options turns the flags into a configuration and options.
func (j *judging) options(s streams) (*app.Config, *app.AnalyzeOptions, error) {
	cfg, origins, err := app.LoadConfig(j.Config)
	if err != nil {
		return nil, nil, usageError{err}
	}
	o := &app.AnalyzeOptions{Train: j.Train, Learned: j.Learned, InputFormat: j.InputFormat, Sampling: j.Sampling}
	if len(j.Internal) > 0 {
		cfg.Enrich.Internal = nil
		for _, p := range j.Internal {
			prefix, err := parsePrefix(p)
			if err != nil {
				return nil, nil, usageError{fmt.Errorf("--internal %s: neither an address nor a network such as 192.0.2.0/24", p)}
			}
			cfg.Enrich.Internal = append(cfg.Enrich.Internal, prefix)
		}
	}
	_, configured := origins["networks.internal"]
	o.KeepInternal = configured || len(j.Internal) > 0
	_, zoned := origins["timezone"]
	switch {
	case j.Timezone != "":
		cfg.Timezone = j.Timezone
	case !zoned:
		cfg.Timezone = "UTC"
		if !j.Quiet {
			tell(s, "time zone UTC (set the site's with --timezone)")
		}
	}
	if err := cfg.Validate(); err != nil {
		return nil, nil, usageError{err}
	}
	if j.TrainUntil != "" {
		if o.TrainUntil, err = time.Parse(time.RFC3339, j.TrainUntil); err != nil {
			return nil, nil, usageError{fmt.Errorf("--train-until %s: not a time such as 2026-11-23T00:00:00Z", j.TrainUntil)}
		}
	}
	if !j.Quiet {
		o.Warn = func(msg string) { tell(s, msg) }
		if isTerminal(s.err) {
			o.Progress = func(file string, n uint64) { _, _ = fmt.Fprintf(s.err, "\r%s: %d flows\x1b[K", file, n) }
		}
	}
	return cfg, o, nil
}

// parsePrefix takes a network or a single address.
func parsePrefix(s string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(s); err == nil {
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(s)
	return p.Masked(), err
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	st, err := f.Stat()
	return err == nil && st.Mode()&os.ModeCharDevice != 0
}

// SPDX-License-Identifier: Apache-2.0

// Command tidewatch takes flows from routers or files, learns what is normal for
// every device, and reports attacks, data theft and anomalies as incidents.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	_ "time/tzdata" // systems without a database of time zones know them, too

	"github.com/alecthomas/kong"

	"tidewatch/app"
)

// Exit statuses of the contract.
const (
	exitFailed = 1 // failed while running
	exitUsage  = 2 // wrong usage or unreadable input
	exitFound  = 3 // --fail-on: such an incident was found
)

// cli is the command line; the tags are its help.
type cli struct {
	Demo       demoCmd       `cmd:"" help:"Show everything with a simulated network: a learned month, then attacks, theft and a campaign, live."`
	Serve      serveCmd      `cmd:"" help:"Receive flows, judge them, serve the API."`
	Analyze    analyzeCmd    `cmd:"" help:"Judge recorded flows and print the incidents."`
	Learn      learnCmd      `cmd:"" help:"Learn what is normal from recorded flows into the data directory."`
	Baseline   baselineCmd   `cmd:"" help:"Look at what was learned, approve it, freeze it, roll it back."`
	Incident   incidentCmd   `cmd:"" help:"List incidents, acknowledge and close them, say what they were."`
	Event      eventCmd      `cmd:"" help:"Plan events: what must not be alerted about, not be learned, or is expected."`
	Exclusion  exclusionCmd  `cmd:"" help:"Exclude what is known and harmless from alerts: for a device, destination, port and kind."`
	Mitigation mitigationCmd `cmd:"" help:"What is decided against attacks: list, approve, reject, withdraw, ask for a rule, stop everything."`
	Audit      auditCmd      `cmd:"" help:"What people decided, and who."`
	Query      queryCmd      `cmd:"" help:"Ask the recorded flows: the largest groups, and their series."`
	User       userCmd       `cmd:"" help:"Who may sign in: add, list, change and remove accounts."`
	Token      tokenCmd      `cmd:"" help:"Tokens by which programs use the API: add, list, remove."`
	Simulate   simulateCmd   `cmd:"" help:"Send a scenario to a collector as real flow exports."`
	Evaluate   evaluateCmd   `cmd:"" help:"Score incidents against labels."`
	Check      checkCmd      `cmd:"" help:"Validate the configuration and print its effective values."`
	Version    versionCmd    `cmd:"" help:"Print version, commit and Go version."`
}

// streams are where a command writes; tests replace them.
type streams struct{ out, err io.Writer }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], streams{os.Stdout, os.Stderr})
	stop()
	os.Exit(code)
}

// run is main without the process: it returns the exit status.
func run(ctx context.Context, args []string, s streams) int {
	if len(args) == 0 {
		args = []string{"--help"}
	}
	var c cli
	exited := -1
	parser, err := kong.New(&c,
		kong.Name("tidewatch"),
		kong.Description("Network anomaly detection from NetFlow, IPFIX and sFlow: DDoS, data theft, anomalies.\n\nExamples:\n  tidewatch demo\n  tidewatch serve\n  tidewatch analyze --internal 192.0.2.0/24 capture.pcap\n  tidewatch simulate syn-flood"),
		kong.Writers(s.out, s.err),
		kong.Exit(func(code int) { exited = code }),
		kong.UsageOnError(),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
	)
	if err != nil {
		return fail(s, err)
	}
	kctx, err := parser.Parse(args)
	if exited >= 0 {
		return exited
	}
	if err != nil {
		_, _ = fmt.Fprintf(s.err, "tidewatch: %s; see tidewatch --help\n", oneLine(err))
		return exitUsage
	}
	kctx.BindTo(ctx, (*context.Context)(nil))
	if err := kctx.Run(s); err != nil {
		return fail(s, err)
	}
	return 0
}

// usageError is an error of whoever typed the command.
type usageError struct{ error }

// foundError ends a command with status 3 and no message.
type foundError struct{}

func (foundError) Error() string { return "an incident of that severity was found" }

func fail(s streams, err error) int {
	if _, found := errors.AsType[foundError](err); found {
		return exitFound
	}
	_, _ = fmt.Fprintf(s.err, "tidewatch: %s\n", oneLine(err))
	_, usage := errors.AsType[usageError](err)
	_, input := errors.AsType[*app.InputError](err)
	if usage || input {
		return exitUsage
	}
	return exitFailed
}

// tell says something to a person beside the output, nothing when text is empty.
func tell(s streams, text string) {
	if text != "" {
		_, _ = fmt.Fprintln(s.err, "tidewatch: "+text)
	}
}

func oneLine(err error) string {
	return strings.Join(strings.Fields(strings.ReplaceAll(err.Error(), "\n", " ")), " ")
}

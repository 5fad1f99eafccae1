// SPDX-License-Identifier: Apache-2.0

package hook

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"slices"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tidewatch/outbound"
)

const (
	// grace is for a script that was told to end, to put in order what it was at.
	grace = 2 * time.Second
	// refused is the exit status of a script that never will, as in qmail-command(8).
	refused = 100
)

// script has a program act.
type script struct {
	hook      string
	command   []string
	timeout   time.Duration
	grace     time.Duration
	log       *slog.Logger
	discarded prometheus.Counter
}

// call runs the program once and waits for its end. Nothing of it outlives the call
// that did not leave its session.
func (s *script) call(ctx context.Context, c *change) error {
	if err := inspect(s.command[0]); err != nil {
		return err // and looks again: it may be mended
	}
	input := []byte("{}")
	id := test
	if c.decision != nil {
		id = c.decision.ID
		var err error
		if input, err = json.Marshal(c.decision); err != nil {
			return outbound.Permanent(fmt.Errorf("write the decision as JSON: %w", err))
		}
	}
	limit := s.timeout
	if at, ok := ctx.Deadline(); ok { // the end of the grace must come before it
		limit = min(limit, time.Until(at)-s.grace)
	}
	if limit <= 0 {
		return fmt.Errorf("too little time is left to call the script: %w", context.DeadlineExceeded)
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	stdout, stderr := capture{room: maxOutput}, capture{room: maxOutput}
	cmd := exec.CommandContext(ctx, s.command[0], slices.Concat(s.command[1:], []string{c.verb, id})...) //nolint:gosec // the operator names the program; the id is a plain word
	cmd.Env, cmd.Dir = s.environ(c), "/"
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(append(input, '\n')), &stdout, &stderr
	// A session of its own: no terminal to ask on, and one group for all its children.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = s.grace
	err := cmd.Run()
	if cmd.Process != nil {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // what ignored SIGTERM, and what it left behind; most often nobody
	}
	s.tell(c, id, &stdout, &stderr)
	return verdict(ctx, cmd, err, limit, &stderr)
}

// verdict says what became of a script.
func verdict(ctx context.Context, cmd *exec.Cmd, err error, limit time.Duration, stderr *capture) error {
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return fmt.Errorf("the script did not end within %v and was stopped: %w", limit.Round(time.Millisecond), ctx.Err())
	case ctx.Err() != nil:
		return fmt.Errorf("the script was stopped: %w", ctx.Err())
	case err == nil, cmd.ProcessState != nil && cmd.ProcessState.Success():
		return nil // a child that kept its output open is of no concern
	case cmd.ProcessState == nil:
		return fmt.Errorf("start the script: %w", err)
	}
	said := fmt.Errorf("the script failed (%s)", cmd.ProcessState)
	if line := stderr.first(); line != "" {
		said = fmt.Errorf("%w: %s", said, line)
	}
	if cmd.ProcessState.ExitCode() == refused {
		return outbound.Permanent(said)
	}
	return said
}

// environ is all that a script finds of ours: no token, no key, no proxy.
func (s *script) environ(c *change) []string {
	path := os.Getenv("PATH")
	if path == "" {
		path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
	}
	out := []string{"PATH=" + path, "LC_ALL=C", "TIDEWATCH_HOOK=" + s.hook}
	if home := os.Getenv("HOME"); home != "" {
		out = append(out, "HOME="+home)
	}
	return append(out, c.environ()...)
}

// tell logs what the script wrote.
func (s *script) tell(c *change, id string, stdout, stderr *capture) {
	lost := stdout.discarded + stderr.discarded
	s.discarded.Add(float64(lost))
	if out, complaint := stdout.text(), stderr.text(); out != "" || complaint != "" {
		s.log.Info("a script of a hook wrote something", "hook", s.hook, "change", c.verb, "decision", id, "stdout", out, "stderr", complaint, "discarded_bytes", lost)
	}
}

func (s *script) Close() error { return nil }

// SPDX-License-Identifier: Apache-2.0

package bgp

import (
	"context"
	"log/slog"
	"strings"
)

// handler passes on what gobgp logs. What it tells of the course of sessions is ours to
// tell (observe), so that its information is detail here.
type handler struct{ to slog.Handler }

// quieter is the logger for gobgp.
func quieter(log *slog.Logger) *slog.Logger { return slog.New(handler{log.Handler()}) }

func level(l slog.Level) slog.Level {
	if l == slog.LevelInfo {
		return slog.LevelDebug
	}
	return l
}

// Enabled implements slog.Handler.
func (h handler) Enabled(ctx context.Context, l slog.Level) bool { return h.to.Enabled(ctx, level(l)) }

// Handle implements slog.Handler.
func (h handler) Handle(ctx context.Context, r slog.Record) error { //nolint:gocritic // the interface has it so
	out := slog.NewRecord(r.Time, level(r.Level), "gobgp: "+strings.ToLower(r.Message), r.PC)
	if strings.Contains(r.Message, "failed to set md5") {
		out.Level = slog.LevelError // the session is not signed, though the configuration says so
	}
	r.Attrs(func(a slog.Attr) bool {
		out.AddAttrs(renamed(a))
		return true
	})
	return h.to.Handle(ctx, out)
}

// WithAttrs implements slog.Handler.
func (h handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	out := make([]slog.Attr, 0, len(attrs))
	for _, a := range attrs {
		out = append(out, renamed(a))
	}
	return handler{h.to.WithAttrs(out)}
}

// WithGroup implements slog.Handler.
func (h handler) WithGroup(name string) slog.Handler { return handler{h.to.WithGroup(name)} }

// renamed gives an attribute the kind of key that the rest of the log has.
func renamed(a slog.Attr) slog.Attr {
	a.Key = strings.ReplaceAll(strings.ToLower(a.Key), " ", "_")
	return a
}

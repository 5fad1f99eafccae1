// SPDX-License-Identifier: Apache-2.0

// Package telemetry builds what every stage is given to tell about itself: a
// logger, a registry of metrics, a brake for log lines in hot loops, and the
// health pages. It has no global state; two programs fit in one test.
package telemetry

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Config says how to log.
type Config struct {
	// Level is the least important level that is written: debug, info, warn or error.
	Level string `yaml:"level"`
	// Format is text (for people) or json (one object a line, for collectors of logs).
	Format string `yaml:"format"`
}

// DefaultConfig writes text from level info on.
func DefaultConfig() Config { return Config{Level: "info", Format: "text"} }

// Validate names the first setting that is unknown.
func (c Config) Validate() error {
	if _, err := c.level(); err != nil {
		return err
	}
	if c.Format != "text" && c.Format != "json" {
		return fmt.Errorf("format is %q, must be text or json", c.Format)
	}
	return nil
}

func (c Config) level() (slog.Level, error) {
	switch c.Level {
	case "debug":
		return slog.LevelDebug, nil
	case "info":
		return slog.LevelInfo, nil
	case "warn":
		return slog.LevelWarn, nil
	case "error":
		return slog.LevelError, nil
	}
	return 0, fmt.Errorf("level is %q, must be debug, info, warn or error", c.Level)
}

// NewLogger returns a logger that writes to w, which is standard error in the
// program: standard output belongs to results. level is set to that of cfg and
// may be changed while the logger is used (SetLevel); nil is a fixed level.
func NewLogger(w io.Writer, cfg Config, level *slog.LevelVar) (*slog.Logger, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if level == nil {
		level = new(slog.LevelVar)
	}
	if err := SetLevel(level, cfg); err != nil {
		return nil, err
	}
	opts := &slog.HandlerOptions{Level: level}
	if cfg.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, opts)), nil
	}
	return slog.New(slog.NewTextHandler(w, opts)), nil
}

// SetLevel makes level that of cfg.
func SetLevel(level *slog.LevelVar, cfg Config) error {
	l, err := cfg.level()
	if err == nil {
		level.Set(l)
	}
	return err
}

// NewRegistry returns a registry that already has the metrics of the Go runtime
// and of the process (processor time, memory, open files).
func NewRegistry() *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	return r
}

// MetricsHandler serves the metrics of r in the Prometheus text format. A metric
// that cannot be collected is left out and does not fail the others.
func MetricsHandler(r *prometheus.Registry) http.Handler {
	return promhttp.HandlerFor(r, promhttp.HandlerOpts{
		Registry: r, ErrorHandling: promhttp.ContinueOnError, EnableOpenMetrics: true,
	})
}

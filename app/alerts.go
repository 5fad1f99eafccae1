// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"

	"tidewatch/notify"
	"tidewatch/store"
)

// alerts tell sinks of incidents while serve runs.
type alerts struct {
	*notify.Dispatcher

	store *store.Store
	log   *slog.Logger
}

func newAlerts(ctx context.Context, cfg *Config, s *store.Store, log *slog.Logger, r prometheus.Registerer) (*alerts, error) {
	d, err := notify.NewDispatcher(&notify.Deps{Logger: log, Registerer: r})
	if err != nil {
		return nil, err
	}
	a := &alerts{d, s, log}
	use, err := a.prepare(cfg)
	if err != nil {
		return nil, err
	}
	if err := use(ctx); err != nil {
		return nil, err
	}
	if names := a.Names(); len(names) > 0 {
		log.Info("incidents are told", "sinks", names)
	}
	return a, nil
}

// prepare makes the sinks and rules of a configuration, and returns what takes them up.
// Nobody is told by a nil alerts.
func (a *alerts) prepare(cfg *Config) (use func(context.Context) error, err error) {
	outlets, router, err := cfg.outlets()
	if err != nil {
		return nil, err
	}
	if a == nil {
		return func(context.Context) error { return nil }, nil
	}
	return func(ctx context.Context) error {
		a.Configure(&cfg.Notify.Config, router, outlets)
		if len(outlets) == 0 {
			a.store.Tell(nil)
		} else {
			a.store.Tell(a.Dispatcher)
		}
		lost, err := a.store.Outbox().Unnamed(ctx, a.Names())
		a.Unnamed(lost)
		return err
	}, nil
}

// start delivers until the function that it returns is called, which comes back when
// the time for the last messages is over.
func (a *alerts) start(ctx context.Context) (stop func() error) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx, a.store.Outbox()) }()
	return func() error {
		cancel()
		return <-ended
	}
}

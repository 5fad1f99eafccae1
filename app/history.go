// SPDX-License-Identifier: Apache-2.0

package app

import (
	"errors"
	"os"
	"path/filepath"

	"github.com/prometheus/client_golang/prometheus"

	"tidewatch/flow"
	"tidewatch/history"
	"tidewatch/telemetry"
)

// historyDir is where the flow history lies in the data directory.
const historyDir = "history"

// newHistory opens the flow history; nil when none is to be kept.
func newHistory(s *Server, registry prometheus.Registerer, health *telemetry.Health) (*history.Recorder, error) {
	if !s.cfg.History.Enabled {
		return nil, nil //nolint:nilnil // it is switched off
	}
	r, err := history.New(&s.cfg.History, &history.Deps{
		Dir: filepath.Join(s.cfg.DataDir, historyDir), Exporter: s.exporters.of, Logger: s.log, Registerer: registry,
	})
	if err != nil {
		return nil, err
	}
	if err := r.Open(); err != nil {
		return nil, err
	}
	health.Add("history", r.Health)
	return r, nil
}

// receive is where batches come from the collector. The history takes them as they
// were judged: with volumes as they were counted, direction and duplicates.
func (s *Server) receive(b *flow.Batch) {
	s.engine.Process(b)
	if s.history != nil {
		s.history.Take(b)
	}
}

// segmentsOf are the segments of the flow history in the folder at path, and what is
// wrong with others; none when it is something else.
func segmentsOf(path string) (paths []string, damaged []error, err error) {
	if st, err := os.Stat(path); err != nil || !st.IsDir() {
		return nil, nil, nil //nolint:nilerr // who opens it says what is wrong
	}
	paths, damaged, err = history.Files(path)
	if err == nil && len(paths) == 0 && len(damaged) > 0 {
		return nil, nil, errors.Join(damaged...)
	}
	return paths, damaged, err
}

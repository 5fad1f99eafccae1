// SPDX-License-Identifier: Apache-2.0

package ask

import (
	"testing"
	"time"

	"tidewatch/query"
)

// Of few groups the series are found with the groups; of many the flows are read a second
// time. Both give the same figures as adding up (check).
func TestSeriesOfFewAndOfMany(t *testing.T) {
	t.Parallel()
	m, all := recorded(4000, 11)
	for name, c := range map[string]struct {
		group  []query.Dimension
		points int
		reads  uint64
	}{
		"few":  {[]query.Dimension{query.Proto}, 60, 1},
		"many": {[]query.Dimension{query.Src, query.DstPort, query.SrcPort}, query.MaxPoints, 2},
	} {
		q := &query.Question{From: begin(), To: begin().Add(time.Hour), Group: c.group, By: query.Bytes, Limit: 6, Points: c.points}
		check(t, m, all, q)
		got, err := asker(t, m, func(cfg *Config) { cfg.Workers = 1 }, Shelves{}).Answer(t.Context(), q)
		if err != nil || got.ScannedFlows != c.reads*uint64(len(all)) {
			t.Errorf("%s: %d of %d flows were read (%v)", name, got.ScannedFlows, len(all), err)
		}
	}
}

// SPDX-License-Identifier: Apache-2.0

package history

import (
	"context"
	"slices"
	"time"
)

// tidyEvery is how often old segments are looked for, and small ones.
const tidyEvery = 10 * time.Second

// tidy drops old segments and joins small ones until ctx ends.
func (r *Recorder) tidy(ctx context.Context) error {
	t := time.NewTicker(tidyEvery)
	defer t.Stop()
	for {
		r.expire(time.Now())
		r.joinSmall(ctx, time.Now())
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
	}
}

// expire drops what is too old, and the oldest of what is too much.
func (r *Recorder) expire(now time.Time) {
	all := r.catalogue.all(true)
	slices.SortStableFunc(all, func(a, b *Segment) int { return a.To.Compare(b.To) })
	var total int64
	for _, s := range all {
		total += s.Bytes
	}
	limit := r.limit()
	n := 0
	for n < len(all) && (total > limit || all[n].To.Before(now.Add(-r.cfg.Keep))) {
		total -= all[n].Bytes
		n++
	}
	if n == 0 {
		return
	}
	r.catalogue.replace(all[:n], nil)
	r.metrics.expired.Add(float64(n))
	r.deps.Logger.Debug("the oldest flows were dropped", "segments", n, "until", all[n-1].To)
}

// limit is how many bytes all segments may have.
func (r *Recorder) limit() int64 {
	limit := r.cfg.MaxBytes
	if size, _, err := r.disk.statfs(r.disk.dir); err == nil && size > 0 { // some network disks tell no size
		limit = min(limit, int64(r.cfg.MaxShare*float64(size)))
	}
	return limit
}

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
	ends := ends(all, now)
	slices.SortStableFunc(all, func(a, b *Segment) int { return ends[a].Compare(ends[b]) })
	var total int64
	for _, s := range all {
		total += s.Bytes
	}
	limit := r.limit()
	n := 0
	for n < len(all) && (total > limit || ends[all[n]].Before(now.Add(-r.cfg.Keep))) {
		total -= all[n].Bytes
		n++
	}
	if n == 0 {
		return
	}
	r.catalogue.replace(all[:n], nil)
	r.metrics.expired.Add(float64(n))
	r.deps.Logger.Debug("the oldest flows were dropped", "segments", n, "until", ends[all[n-1]])
}

// ends are when the last flows of segments came; it sorts all by number. What claims to
// be of the future was written while the clock was wrong. It is as old as what was
// written next, or it would outlive everything that is true.
func ends(all []*Segment, now time.Time) map[*Segment]time.Time {
	slices.SortStableFunc(all, byNumber)
	out, next := make(map[*Segment]time.Time, len(all)), now
	for _, s := range slices.Backward(all) {
		if !s.To.After(now) {
			next = s.To
		}
		out[s] = next
	}
	return out
}

// limit is how many bytes all segments may have.
func (r *Recorder) limit() int64 {
	limit := r.cfg.MaxBytes
	if size, _, err := r.disk.statfs(r.disk.dir); err == nil && size > 0 { // some network disks tell no size
		limit = min(limit, int64(r.cfg.MaxShare*float64(size)))
	}
	return limit
}

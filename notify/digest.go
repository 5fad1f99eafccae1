// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"cmp"
	"slices"
	"time"

	"tidewatch/detect"
	"tidewatch/incident"
)

// MaxBriefs is how many incidents a digest lists: what fits on a screen.
const MaxBriefs = 20

// BriefOf is an incident in a digest.
func BriefOf(inc *incident.Incident) Brief {
	return Brief{ID: inc.ID, Headline: inc.Headline(), Severity: string(inc.Severity), State: inc.State, Started: inc.Started}
}

// Summary makes one digest of what waits for a sink. worst are the most severe
// incidents of it, MaxBriefs at most; incidents is how many there are; earlier are
// digests that wait, too. last is the newest place in the queue, which names the digest.
func Summary(sink string, last int64, worst []Brief, incidents int, earlier []Message) Message {
	m := Message{ID: messageID("digest", sink, int(last)), Status: Digest, Digest: slices.Clone(worst)}
	m.Key, m.More = m.ID, incidents-len(worst)
	for i := range earlier {
		m.More += earlier[i].More
		for n := range earlier[i].Digest {
			b := &earlier[i].Digest[n]
			if !slices.ContainsFunc(m.Digest, func(have Brief) bool { return have.ID == b.ID }) {
				m.Digest = append(m.Digest, *b)
			}
		}
	}
	slices.SortStableFunc(m.Digest, func(x, y Brief) int {
		return cmp.Or(cmp.Compare(detect.Severity(y.Severity).Rank(), detect.Severity(x.Severity).Rank()), y.Started.Compare(x.Started))
	})
	if over := len(m.Digest) - MaxBriefs; over > 0 {
		m.Digest, m.More = m.Digest[:MaxBriefs], m.More+over
	}
	for i := range m.Digest {
		m.At = latest(m.At, m.Digest[i].Started)
	}
	return m
}

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// SPDX-License-Identifier: Apache-2.0

package query

import (
	"strings"
	"testing"
	"time"
)

func TestParseTime(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Time{
		"":                          now.Add(-time.Hour),
		"now":                       now,
		"-90s":                      now.Add(-90 * time.Second),
		"-15m":                      now.Add(-15 * time.Minute),
		"-1h":                       now.Add(-time.Hour),
		"-7d":                       now.AddDate(0, 0, -7),
		"-2w":                       now.AddDate(0, 0, -14),
		"2026-05-01T11:00:00+02:00": time.Date(2026, 5, 1, 9, 0, 0, 0, time.UTC),
	} {
		if got, err := ParseTime(text, now, now.Add(-time.Hour)); err != nil || !got.Equal(want) {
			t.Errorf("%q: %v, %v, want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"-", "-h", "-1", "-1y", "--1h", "-99999999w", "-999999999999999999999s", "yesterday", "2026-05-01", "0001-01-01T00:00:00Z", "9999-01-01T00:00:00Z"} {
		if got, err := ParseTime(text, now, now); err == nil {
			t.Errorf("%q is taken as %v", text, got)
		}
	}
}

func TestParseGroup(t *testing.T) {
	t.Parallel()
	got, err := ParseGroup(" src, DST_PORT ,service")
	if err != nil || len(got) != 3 || got[0] != Src || got[1] != DstPort || got[2] != Service {
		t.Errorf("got %v, %v", got, err)
	}
	for text, want := range map[string]string{
		"src,dst,proto,as": "at most 3", "src,src": "twice", "color": `"color" is no dimension; there are src, dst`, "src,": `"" is no dimension`,
		strings.Repeat("x", 100): "...",
	} {
		if _, err := ParseGroup(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

func TestValidate(t *testing.T) {
	t.Parallel()
	at := time.Unix(1e9, 0)
	good := Question{From: at, To: at.Add(time.Hour), Limit: 10, By: Bytes}
	if err := good.Validate(); err != nil {
		t.Error(err)
	}
	for name, change := range map[string]func(*Question){
		"no time":           func(q *Question) { q.To = q.From },
		"no groups":         func(q *Question) { q.Limit = 0 },
		"too many groups":   func(q *Question) { q.Limit = MaxLimit + 1 },
		"too many points":   func(q *Question) { q.Points = MaxPoints + 1 },
		"twice the same":    func(q *Question) { q.Group = []Dimension{Src, Src} },
		"too many at once":  func(q *Question) { q.Group = []Dimension{Src, Dst, Proto, SrcAS} },
		"points below zero": func(q *Question) { q.Points = -1 },
	} {
		q := good
		change(&q)
		if q.Validate() == nil {
			t.Errorf("%s passes", name)
		}
	}
}

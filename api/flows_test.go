// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"tidewatch/detect"
	"tidewatch/incident"
	"tidewatch/query"
)

// recorded is a history that tells what it was asked.
type recorded struct {
	question  query.Question
	selection query.Selection
	flows     int
	err       error
}

func (r *recorded) Answer(_ context.Context, q *query.Question) (*query.Answer, error) {
	r.question = *q
	return &query.Answer{From: q.From, To: q.To, Source: query.Raw, By: q.By, Groups: []query.Group{
		{Key: []string{"10.0.0.1", "443"}, Volume: query.Volume{Bytes: 5, Packets: 2, Flows: 1}, Share: 0.5},
	}}, r.err
}

func (r *recorded) List(_ context.Context, s *query.Selection) (*query.Page, error) {
	r.selection = *s
	return &query.Page{Flows: []query.Flow{oneFlow(1)}, Next: "more"}, r.err
}

func (r *recorded) Export(_ context.Context, s *query.Selection, keep func(*query.Flow) error) (bool, error) {
	r.selection = *s
	for i := range r.flows {
		f := oneFlow(i)
		if err := keep(&f); err != nil {
			return false, err
		}
	}
	return r.flows == 3, r.err
}

func oneFlow(i int) query.Flow {
	return query.Flow{
		Received: noon(), Start: noon().Add(-time.Minute), End: noon(), Source: "2001:db8::1", Destination: "10.0.0.1", SourcePort: 1234,
		DestinationPort: 443, Protocol: "tcp", TCPFlags: "...AP.S.", Bytes: uint64(i), Packets: 1, Sampling: 1, Exporter: "192.0.2.1", Direction: "in",
	}
}

func fetchFlows(t *testing.T, r *recorded, path string, values url.Values) (int, string) {
	t.Helper()
	s := server(t, func(_ *Config, d *Deps) { d.Flows = r })
	res, body := ask(t, s, http.MethodGet, path+"?"+values.Encode(), nil)
	return res.Code, body
}

func TestQueryFlows(t *testing.T) {
	r := &recorded{}
	status, body := fetchFlows(t, r, "/api/v1/flows/query", url.Values{
		"from": {"-2h"}, "filter": {"src=10.0.0.0/8 and (dst_port in (80,443))"}, "group": {"src,dst_port"}, "by": {"packets"}, "limit": {"3"}, "points": {"60"},
	})
	q := &r.question
	if status != 200 || !q.From.Equal(noon().Add(-2*time.Hour)) || !q.To.Equal(noon()) || q.Filter.String() != "src = 10.0.0.0/8 and dst_port in (80, 443)" ||
		fmt.Sprint(q.Group) != "[src dst_port]" || q.By != query.Packets || q.Limit != 3 || q.Points != 60 || q.Source != query.Auto {
		t.Errorf("%d, asked %+v\n%s", status, q, body)
	}
	if want := `"groups":[{"key":["10.0.0.1","443"],"bytes":5,"packets":2,"flows":1,"share":0.5}]`; !strings.Contains(body, want) {
		t.Errorf("no %s in %s", want, body)
	}
	if status, _ = fetchFlows(t, r, "/api/v1/flows/query", nil); status != 200 || !r.question.From.Equal(noon().Add(-time.Hour)) || r.question.Limit != 10 {
		t.Errorf("without parameters: %d, asked %+v", status, r.question)
	}
}

func TestWhatCannotBeAsked(t *testing.T) {
	for text, want := range map[string]string{
		"filter=src+%3D+10.0.0.1+also+dst+%3D+10.0.0.2": `position 16: expected and, or, or the end`,
		"filter=" + strings.Repeat("(", 40):             `position 33: parentheses and nots lie at most 32 deep`,
		"filter=" + strings.Repeat("+", 9000):           `8192`,
		"group=src,dst,proto,input":                     `at most 3 dimensions`,
		"group=src,src":                                 `named twice`,
		"group=color":                                   `is no dimension`,
		"from=yesterday":                                `is no time`,
		"from=-1h&to=-2h":                               `from must lie before to`,
		"by=luck":                                       `bytes, packets, flows`,
		"limit=1001":                                    `1000`,
		"points=1001":                                   `1000`,
		"source=sql":                                    `raw`,
		"fitler=src":                                    `unknown`,
	} {
		s := server(t, nil)
		res, body := ask(t, s, http.MethodGet, "/api/v1/flows/query?"+text, nil)
		if res.Code != http.StatusUnprocessableEntity || !strings.Contains(body, want) {
			t.Errorf("%.60s: %d, no %q in %.300s", text, res.Code, want, body)
		}
	}
	for _, c := range []struct {
		err    error
		status int
		want   string
	}{
		{query.ErrBusy, http.StatusServiceUnavailable, "too many questions"},
		{query.ErrBadCursor, http.StatusUnprocessableEntity, "query.cursor"},
		{query.ErrNoRollup, http.StatusUnprocessableEntity, "query.source"},
		{errors.New("open /secret/place: denied"), http.StatusInternalServerError, "could not read the history"},
	} {
		status, body := fetchFlows(t, &recorded{err: c.err}, "/api/v1/flows", nil)
		if status != c.status || !strings.Contains(body, c.want) || strings.Contains(body, "secret") {
			t.Errorf("%v: %d, %s", c.err, status, body)
		}
	}
}

func TestExportFlows(t *testing.T) {
	for flows, complete := range map[int]bool{0: true, 2: true, 3: false} {
		status, body := fetchFlows(t, &recorded{flows: flows}, "/api/v1/flows/export", url.Values{"format": {"json"}})
		var doc ExportDocument
		if err := json.Unmarshal([]byte(body), &doc); err != nil || status != 200 || len(doc.Flows) != flows || doc.Complete != complete || complete != (doc.Reason == "") {
			t.Errorf("%d flows: %d, %v, %s", flows, status, err, body)
		}
		_, body = fetchFlows(t, &recorded{flows: flows}, "/api/v1/flows/export", nil)
		table := csv.NewReader(strings.NewReader(body))
		table.Comment = '#'
		rows, err := table.ReadAll()
		if err != nil || len(rows) != 1+flows || strings.Contains(body, "\n# there are more") == complete {
			t.Errorf("%d flows: %v, %s", flows, err, body)
		}
		if flows > 1 && (rows[0][3] != "source" || rows[1][3] != "2001:db8::1" || rows[2][9] != "1") {
			t.Errorf("rows %v", rows)
		}
	}
	if _, body := fetchFlows(t, &recorded{flows: 1, err: errors.New("open /secret/place: denied")}, "/api/v1/flows/export", nil); !strings.Contains(body, "\n# the history could not be read") || strings.Contains(body, "secret") {
		t.Errorf("a broken history gives %s", body)
	}
	status, body := fetchFlows(t, &recorded{err: query.ErrDamaged}, "/api/v1/flows/export", url.Values{"format": {"json"}})
	var doc ExportDocument
	if err := json.Unmarshal([]byte(body), &doc); err != nil || status != 200 || doc.Complete || doc.Reason != query.ErrDamaged.Error() {
		t.Errorf("of a damaged history: %d, %v, %s", status, err, body)
	}
}

func TestIncidentFlows(t *testing.T) {
	r := &recorded{}
	status, _ := fetchFlows(t, r, "/api/v1/incidents/inc-"+strings.Repeat("b", 16)+"/flows", url.Values{"limit": {"5"}})
	at := noon().Add(-time.Hour)
	s := &r.selection
	if status != 200 || s.Filter.String() != "host = 192.0.2.10" || s.Limit != 5 || !s.From.Equal(at.Add(-time.Minute)) || !s.To.Equal(at.Add(2*time.Minute)) {
		t.Errorf("%d, asked %+v, filter %s", status, s, s.Filter)
	}
	if status, _ := fetchFlows(t, r, "/api/v1/incidents/inc-nobody/flows", nil); status != http.StatusNotFound {
		t.Errorf("an incident that is not there gives %d", status)
	}
	f := &incident.TrafficFilter{Filter: detect.Filter{Protocol: "udp", SrcPort: 53, SourcePrefix: "2001:db8::/32", Flags: "S"}}
	for _, c := range []struct {
		all  bool
		want string
	}{{false, "dst = 10.0.0.0/24 and proto = udp and src_port = 53 and src = 2001:db8::/32"}, {true, "host = 10.0.0.0/24"}} {
		got, err := query.Parse(incidentFilter("10.0.0.0/24", f, c.all))
		if err != nil || got.String() != c.want {
			t.Errorf("%s, %v, want %s", got, err, c.want)
		}
	}
}

func TestHistoryState(t *testing.T) {
	s := server(t, nil)
	if _, body := ask(t, s, http.MethodGet, "/api/v1/history", nil); strings.TrimSpace(body) != `{"flows":7,"bytes_on_disk":0,"segments":2,"dropped":0,"health":"the disk is full"}` {
		t.Errorf("got %s", body)
	}
}

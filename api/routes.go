// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"errors"
	"io"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"tidewatch/decision"
	"tidewatch/detect"
	"tidewatch/incident"
	"tidewatch/query"
)

// page is what / answers as long as there is no dashboard.
const page = `tidewatch

This is the HTTP API of tidewatch. There is no dashboard in this version.

  /api/v1/incidents      what was found
  /api/v1/feedback       what people said about incidents
  /api/v1/baselines      versions of what was learned
  /api/v1/devices        own addresses, and what is usual for each
  /api/v1/events         what is planned
  /api/v1/exclusions     what is known and harmless
  /api/v1/mitigations    what was decided against attacks
  /api/v1/audit          what people decided
  /api/v1/exporters      who sends flows
  /api/v1/flows          recorded flows; /api/v1/flows/query adds them up
  /api/v1/summary        the last 24 hours in numbers
  /api/v1/traffic        what is carried, and what is usual
  /api/v1/movers         devices that are far from what is usual
  /api/v1/stream         what happens, as it happens (server-sent events)
  /api/v1/sinks          who hears of incidents
  /api/v1/config         the configuration in effect
  /api/v1/openapi.json   all of the API (OpenAPI 3.1)
  /healthz  /readyz      is it alive, is it ready
  /metrics               Prometheus metrics
`

// routes builds the router. Whatever fits no route is a problem document too.
func routes(d *Deps, m *metrics) *http.ServeMux {
	mux := http.NewServeMux()
	ok := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok\n") })
	mount := func(pattern string, h, fallback http.Handler) {
		if h == nil {
			h = fallback
		}
		if h != nil {
			mux.Handle(pattern, h)
		}
	}
	mount("GET /healthz", d.Health, ok)
	mount("GET /readyz", d.Ready, ok)
	mount("GET /metrics", d.Metrics, nil)
	mountRest(mux, d)

	cfg := huma.DefaultConfig("tidewatch", d.Version)
	cfg.Info.Description = "Incidents found in network flows. Times are RFC 3339 in flow time; rates are per second. " +
		"Without a token or a session only the machine itself may read, and only until the first account is made."
	cfg.OpenAPIPath = "/api/v1/openapi"
	cfg.DocsPath, cfg.SchemasPath = "", "" // the documentation page would load scripts from elsewhere
	cfg.CreateHooks = nil                  // no $schema in answers
	cfg.RejectUnknownQueryParameters = true
	cfg.Transformers = append(cfg.Transformers, worded)
	cfg.Components.Schemas = huma.NewMapRegistry("#/components/schemas/", schemaName)
	cfg.Components.SecuritySchemes = securitySchemes()
	h := &handlers{deps: d, counts: m}
	a := humago.New(mux, cfg)
	huma.Get(a, "/api/v1/incidents", h.list, about("list-incidents", "Incidents, latest detected first", http.StatusUnprocessableEntity), conditional)
	huma.Get(a, "/api/v1/incidents/{id}", h.get, about("get-incident", "One incident", http.StatusNotFound, http.StatusUnprocessableEntity), conditional)
	huma.Get(a, "/api/v1/exporters", h.exporters, about("list-exporters", "Exporters and the state of their streams"))
	huma.Get(a, "/api/v1/summary", h.summary, about("get-summary", "The last 24 hours in numbers"))
	if d.Desk != nil {
		h.decisions(a)
	}
	if d.Baselines != nil {
		h.baselines(a)
	}
	if d.Events != nil {
		h.events(a)
	}
	if d.Exclusions != nil {
		h.exclusions(a)
	}
	if d.Devices != nil {
		h.devices(a)
	}
	if d.Mitigations != nil {
		h.mitigations(a)
	}
	if d.Audit != nil {
		h.audit(a)
	}
	if d.Accounts != nil {
		h.sessions(a)
		h.users(a)
		h.tokens(a)
	}
	if d.Traffic != nil {
		h.traffic(a)
	}
	if d.Hub != nil {
		h.stream(a)
	}
	if d.Differ != nil {
		h.diffs(a)
	}
	if d.Sinks != nil {
		h.sinks(a)
	}
	if d.Effective != nil {
		h.effective(a)
	}
	if d.Flows != nil {
		h.flows(a)
	}
	if d.History != nil {
		h.history(a)
	}
	security(a.OpenAPI(), access())
	return mux
}

// schemaName is the type's name. Of the two ranges, those of a rule tell of packets, and
// of the two flows one was recorded.
func schemaName(t reflect.Type, hint string) string {
	if t == reflect.TypeFor[decision.Range]() || t == reflect.TypeFor[*decision.Range]() {
		return "PacketRange"
	}
	if t == reflect.TypeFor[query.Flow]() {
		return "RecordedFlow"
	}
	return huma.DefaultSchemaNamer(t, hint)
}

func about(id, summary string, also ...int) func(*huma.Operation) {
	return func(o *huma.Operation) {
		o.OperationID, o.Summary = id, summary
		o.Errors = append([]int{http.StatusUnauthorized, http.StatusForbidden, http.StatusUnprocessableEntity, http.StatusTooManyRequests, http.StatusInternalServerError}, also...)
	}
}

// notFound tells a wrong path from a wrong method.
func notFound(mux *http.ServeMux, w http.ResponseWriter, r *http.Request) {
	var allowed []string
	for _, method := range [...]string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
		other := *r
		other.Method = method
		if _, pattern := mux.Handler(&other); !slices.Contains([]string{"/", "GET /", "GET /api/"}, pattern) {
			allowed = append(allowed, method)
		}
	}
	if len(allowed) > 0 {
		list := strings.Join(allowed, ", ")
		w.Header().Set("Allow", list)
		problem(w, http.StatusMethodNotAllowed, "not with "+r.Method+"; this part of the API takes "+list)
		return
	}
	missing(w)
}

func missing(w http.ResponseWriter) {
	problem(w, http.StatusNotFound, "there is nothing at this path; /api/v1/openapi.json lists what there is")
}

type handlers struct {
	deps   *Deps
	counts *metrics
}

// ListInput selects incidents.
type ListInput struct {
	State       []string  `query:"state" enum:"open,acknowledged,mitigated,resolved,closed" doc:"any of these states"`
	Category    []string  `query:"category" enum:"ddos_attack,data_exfiltration,command_and_control,reconnaissance,baseline_anomaly,operational" doc:"any of these categories"`
	MinSeverity string    `query:"min_severity" enum:"low,medium,high,critical" doc:"this severity or above"`
	Kind        []string  `query:"kind" maxItems:"32" doc:"any of these kinds"`
	Subject     string    `query:"subject" maxLength:"64" doc:"address or prefix, exactly"`
	Text        string    `query:"text" maxLength:"128" doc:"in id, subject or headline, in any case"`
	Since       time.Time `query:"since" doc:"changed at or after this time"`
	Until       time.Time `query:"until" doc:"detected at or before this time; with since: what went on between the two"`
	Limit       int       `query:"limit" minimum:"1" maximum:"1000" default:"100"`
	Cursor      string    `query:"cursor" maxLength:"256" doc:"next of the page before"`
	Conditional
}

// ListOutput is one page.
type ListOutput struct {
	ETag string `header:"ETag"`
	Body List
}

// List is a page of incidents.
type List struct {
	Incidents []incident.Incident `json:"incidents" nullable:"false"`
	Next      string              `json:"next,omitempty" doc:"cursor of the next page; absent on the last"`
}

func (h *handlers) list(ctx context.Context, in *ListInput) (*ListOutput, error) {
	f := incident.Filter{
		MinSeverity: detect.Severity(in.MinSeverity), Kinds: in.Kind, Subject: in.Subject, Text: in.Text, Since: in.Since, Until: in.Until,
		Limit: in.Limit, Cursor: in.Cursor,
	}
	kinds := incident.Kinds()
	for _, k := range in.Kind { // a misspelt one would select nothing, which looks like good news
		if !slices.Contains(kinds, k) {
			return nil, huma.Error422UnprocessableEntity("there is no kind "+k,
				&huma.ErrorDetail{Message: "there are " + strings.Join(kinds, ", "), Location: "query.kind", Value: k})
		}
	}
	for _, s := range in.State {
		f.States = append(f.States, incident.State(s))
	}
	for _, c := range in.Category {
		f.Categories = append(f.Categories, detect.Category(c))
	}
	got, err := h.deps.Incidents.List(ctx, &f)
	if errors.Is(err, incident.ErrBadCursor) {
		return nil, huma.Error422UnprocessableEntity("the cursor is not one that this API returned",
			&huma.ErrorDetail{Message: "unknown cursor", Location: "query.cursor", Value: in.Cursor})
	}
	if err != nil {
		return nil, h.failed(ctx, "list incidents", err)
	}
	out := &ListOutput{Body: List{got.Incidents, got.Next}}
	out.ETag, err = in.tag(&out.Body)
	return out, err
}

// IncidentID names an incident.
type IncidentID struct {
	ID string `path:"id" maxLength:"64" doc:"id of the incident"`
}

// GetInput names an incident, and an earlier answer about it.
type GetInput struct {
	IncidentID
	Conditional
}

// GetOutput is one incident.
type GetOutput struct {
	ETag string `header:"ETag"`
	Body *incident.Incident
}

func (h *handlers) get(ctx context.Context, in *GetInput) (*GetOutput, error) {
	got, err := h.deps.Incidents.Get(ctx, in.ID)
	if errors.Is(err, incident.ErrNotFound) {
		return nil, huma.Error404NotFound("there is no such incident")
	}
	if err != nil {
		return nil, h.failed(ctx, "read an incident", err)
	}
	out := &GetOutput{Body: got}
	out.ETag, err = in.tag(got)
	return out, err
}

// failed logs what went wrong and keeps it from the client: file names and SQL
// are the operator's.
func (h *handlers) failed(ctx context.Context, what string, err error) error {
	if ctx.Err() != nil {
		return huma.Error503ServiceUnavailable("the request was given up")
	}
	h.deps.Logger.ErrorContext(ctx, "request failed", "what", what, "error", err)
	return huma.Error500InternalServerError("could not " + what + "; the server's log says why")
}

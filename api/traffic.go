// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"net/http"
	"net/netip"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

// Traffic is what is carried at present, and how far that is from what is usual.
type Traffic interface {
	// Traffic returns a series of the last minutes: of one device, or of all own devices
	// when a is the zero value. Its error is a *RefusedError when it is the caller's.
	Traffic(ctx context.Context, minutes int, a netip.Addr) (*TrafficSeries, error)
	// Movers returns the devices that are farthest from what is usual, farthest first.
	Movers(ctx context.Context, limit int) ([]Mover, error)
}

// TrafficSeries is traffic over time.
type TrafficSeries struct {
	Step   int            `json:"step_seconds" doc:"seconds of one point"`
	Unit   string         `json:"unit" enum:"bits_per_second"`
	Points []TrafficPoint `json:"points" nullable:"false" doc:"oldest first; a time of which nothing is known has none"`
}

// TrafficPoint is the mean rate over one step, and what is usual at that hour of the week:
// expected is the usual hour's, low is three sigmas below it, and high three above the
// usual busiest five minutes of that hour, which is what a moment is judged by.
type TrafficPoint struct {
	At          time.Time `json:"at" doc:"begin of the step, in flow time"`
	In          float64   `json:"in" doc:"received"`
	Out         float64   `json:"out" doc:"sent"`
	InLow       *float64  `json:"in_low" doc:"null as long as nothing is learned, as the others are"`
	InExpected  *float64  `json:"in_expected"`
	InHigh      *float64  `json:"in_high"`
	OutLow      *float64  `json:"out_low"`
	OutExpected *float64  `json:"out_expected"`
	OutHigh     *float64  `json:"out_high"`
}

// Mover is a device that carries much more than usual, or much less.
type Mover struct {
	Address  netip.Addr `json:"address"`
	Name     string     `json:"name,omitempty"`
	Role     string     `json:"role" enum:"unknown,server,workstation,thing,gateway"`
	Field    string     `json:"field" enum:"bytes_in,bytes_out" doc:"the direction that moved"`
	Now      float64    `json:"now_bits_per_second" doc:"over the newest five minutes that are complete"`
	Expected float64    `json:"expected_bits_per_second" doc:"above: the usual busiest five minutes of this hour; below: the usual hour"`
	Sigma    float64    `json:"sigma" doc:"calibrated deviations, negative below"`
	Factor   float64    `json:"factor" doc:"now over expected; 0 when next to nothing is expected"`
}

func (h *handlers) traffic(a huma.API) {
	huma.Get(a, "/api/v1/traffic", h.series,
		about("get-traffic", "What was carried in the last minutes, and what is usual", http.StatusNotFound, http.StatusUnprocessableEntity))
	huma.Get(a, "/api/v1/movers", h.movers,
		about("list-movers", "Devices that are farthest from what is usual", http.StatusUnprocessableEntity))
}

// TrafficInput selects a series.
type TrafficInput struct {
	Minutes int    `query:"minutes" minimum:"1" maximum:"1440" default:"60" doc:"how far back; up to 5 in steps of a second where those are known, else in steps of a minute"`
	Device  string `query:"device" maxLength:"64" doc:"address of one device; absent: all own devices"`
}

// TrafficOutput is a series.
type TrafficOutput struct{ Body *TrafficSeries }

func (h *handlers) series(ctx context.Context, in *TrafficInput) (*TrafficOutput, error) {
	var of netip.Addr
	if in.Device != "" {
		a, err := netip.ParseAddr(in.Device)
		if err != nil || a.Zone() != "" {
			return nil, huma.Error422UnprocessableEntity("that is no address",
				&huma.ErrorDetail{Message: "no address", Location: "query.device", Value: in.Device})
		}
		of = a.Unmap()
	}
	got, err := h.deps.Traffic.Traffic(ctx, in.Minutes, of)
	return &TrafficOutput{got}, h.refusal(ctx, "read the traffic", err)
}

// MoversInput bounds the list.
type MoversInput struct {
	Limit int `query:"limit" minimum:"1" maximum:"100" default:"10"`
}

// MoversOutput lists movers.
type MoversOutput struct {
	Body struct {
		Movers []Mover `json:"movers" nullable:"false"`
	}
}

func (h *handlers) movers(ctx context.Context, in *MoversInput) (*MoversOutput, error) {
	got, err := h.deps.Traffic.Movers(ctx, in.Limit)
	if err != nil {
		return nil, h.refusal(ctx, "look for movers", err)
	}
	out := &MoversOutput{}
	out.Body.Movers = append([]Mover{}, got...)
	return out, nil
}

// SPDX-License-Identifier: Apache-2.0

package api

import (
	"fmt"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics counts requests by route and outcome; both come from closed sets.
type metrics struct {
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	refused  *prometheus.CounterVec
}

func newMetrics(r prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tidewatch_api_requests_total", Help: "HTTP requests by route and status class.",
		}, []string{"route", "status"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "tidewatch_api_request_duration_seconds", Help: "Time to answer a request by route.",
			Buckets: []float64{0.001, 0.01, 0.1, 1, 10},
		}, []string{"route"}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tidewatch_api_refused_total",
			Help: "HTTP requests refused, by reason: host, origin, no_token, wrong_token, wrong_password, wrong_key, throttled, forbidden, csrf.",
		}, []string{"reason"}),
	}
	if r == nil {
		return m, nil
	}
	for _, c := range [...]prometheus.Collector{m.requests, m.seconds, m.refused} {
		if err := r.Register(c); err != nil {
			return nil, fmt.Errorf("register metrics: %w", err)
		}
	}
	return m, nil
}

// count counts what next answers, by the pattern of the route that fits.
func (m *metrics) count(mux *http.ServeMux, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, route := mux.Handler(r)
		if route == "" {
			route = "none"
		}
		began := time.Now()
		seen := &seenWriter{ResponseWriter: w, status: http.StatusOK}
		next.ServeHTTP(seen, r)
		m.seconds.WithLabelValues(route).Observe(time.Since(began).Seconds())
		m.requests.WithLabelValues(route, class(seen.status)).Inc()
	})
}

func class(status int) string {
	classes := [...]string{"1xx", "2xx", "3xx", "4xx", "5xx"}
	return classes[min(max(status/100, 1), 5)-1]
}

// seenWriter remembers the status that was sent.
type seenWriter struct {
	http.ResponseWriter

	status int
}

// WriteHeader remembers the status and passes it on.
func (s *seenWriter) WriteHeader(status int) {
	s.status = status
	s.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController reach the connection.
func (s *seenWriter) Unwrap() http.ResponseWriter { return s.ResponseWriter }

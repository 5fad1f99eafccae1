// SPDX-License-Identifier: Apache-2.0

package bgp

import (
	"github.com/prometheus/client_golang/prometheus"

	"tidewatch/decision"
)

// What an error was met at.
const (
	opApply    = "apply"
	opWithdraw = "withdraw"
	opExpire   = "expire"
)

const metricsPrefix = "tidewatch_bgp_"

// metrics count by peer; the names of peers come from the configuration.
type metrics struct {
	flaps, errors *prometheus.CounterVec
	expired       prometheus.Counter
	up, rules     *prometheus.Desc
}

func newMetrics(r prometheus.Registerer, s *Speaker) (*metrics, error) {
	m := &metrics{
		flaps:   prometheus.NewCounterVec(prometheus.CounterOpts{Name: metricsPrefix + "flaps_total", Help: "Times that the session with a router went down."}, []string{"peer"}),
		errors:  prometheus.NewCounterVec(prometheus.CounterOpts{Name: metricsPrefix + "errors_total", Help: "Decisions that could not be announced or taken back, by what was tried."}, []string{"operation"}),
		expired: prometheus.NewCounter(prometheus.CounterOpts{Name: metricsPrefix + "expired_total", Help: "Rules that ended by their own timer, because nobody renewed or withdrew them."}),
		up:      prometheus.NewDesc(metricsPrefix+"peer_up", "Whether the session with a router is established.", []string{"peer"}, nil),
		rules:   prometheus.NewDesc(metricsPrefix+"rules", "Routes that are announced, by what they have routers do.", []string{"action", "family"}, nil),
	}
	for i := range s.cfg.Peers {
		m.flaps.WithLabelValues(s.cfg.Peers[i].label())
	}
	for _, op := range []string{opApply, opWithdraw, opExpire} {
		m.errors.WithLabelValues(op)
	}
	if r == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{m.flaps, m.errors, m.expired, &gauges{s, m}} {
		if err := r.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// gauges show what is so at the moment.
type gauges struct {
	s *Speaker
	m *metrics
}

// Describe implements prometheus.Collector.
func (g *gauges) Describe(ch chan<- *prometheus.Desc) {
	ch <- g.m.up
	ch <- g.m.rules
}

// Collect implements prometheus.Collector.
func (g *gauges) Collect(ch chan<- prometheus.Metric) {
	all := g.s.Sessions()
	for i := range all {
		p := &all[i]
		up := 0.0
		if p.State == established {
			up = 1
		}
		ch <- prometheus.MustNewConstMetric(g.m.up, prometheus.GaugeValue, up, p.Peer)
	}
	type kind struct {
		action decision.Action
		family family
	}
	count := map[kind]int{}
	for _, f := range families() {
		for _, a := range []decision.Action{decision.Blackhole, decision.Divert, decision.FlowSpecDrop, decision.FlowSpecRateLimit} {
			if isFlowSpec := f.of == flowspec(true) || f.of == flowspec(false); isFlowSpec == (a == decision.FlowSpecDrop || a == decision.FlowSpecRateLimit) {
				count[kind{a, f.of}] = 0
			}
		}
	}
	g.s.mu.Lock()
	for _, r := range g.s.rules.byKey {
		if r.announced != nil {
			count[kind{r.announced.action, r.announced.family}]++
		}
	}
	g.s.mu.Unlock()
	for k, n := range count {
		ch <- prometheus.MustNewConstMetric(g.m.rules, prometheus.GaugeValue, float64(n), string(k.action), familyName(k.family))
	}
}

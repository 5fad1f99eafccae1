// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"net/netip"
	"time"
)

// Exporter is a device that sends flows, and the state of its stream.
type Exporter struct {
	Address          netip.Addr        `json:"address"`
	Protocols        []string          `json:"protocols" nullable:"false" doc:"netflow5, netflow9, ipfix, sflow5"`
	LastSeen         time.Time         `json:"last_seen"`
	Datagrams        uint64            `json:"datagrams"`
	Records          uint64            `json:"records"`
	Lost             uint64            `json:"lost" doc:"records or datagrams missing by sequence number"`
	SequenceGaps     uint64            `json:"sequence_gaps" doc:"times that some were missing"`
	SequenceResets   uint64            `json:"sequence_resets"`
	MissingTemplates uint64            `json:"missing_templates" doc:"data sets that came before their template"`
	Held             int               `json:"held" doc:"data sets held until their template comes"`
	Sampling         uint32            `json:"sampling" doc:"one of so many packets is seen"`
	SamplingKnown    bool              `json:"sampling_known"`
	SkewSeconds      float64           `json:"skew_seconds" doc:"our clock less the exporter's"`
	Errors           map[string]uint64 `json:"errors,omitempty" doc:"datagrams or parts that could not be read, by reason"`
	Quality          Quality           `json:"quality" doc:"how far it can be relied on"`
}

// ExportersOutput lists exporters.
type ExportersOutput struct {
	Body struct {
		Exporters []Exporter `json:"exporters" nullable:"false"`
	}
}

func (h *handlers) exporters(context.Context, *struct{}) (*ExportersOutput, error) {
	out := &ExportersOutput{}
	out.Body.Exporters = []Exporter{}
	if h.deps.Exporters != nil {
		out.Body.Exporters = append(out.Body.Exporters, h.deps.Exporters()...)
	}
	for i := range out.Body.Exporters {
		if e := &out.Body.Exporters[i]; e.Protocols == nil {
			e.Protocols = []string{} // not null
		}
		out.Body.Exporters[i].Quality = QualityOf(&out.Body.Exporters[i], h.deps.Clock())
	}
	return out, nil
}

// SummaryOutput is the last day in numbers.
type SummaryOutput struct{ Body Summary }

// Summary counts the incidents of severity medium or above that were detected
// within the last 24 hours, and those that go on.
type Summary struct {
	Since            time.Time `json:"since"`
	Alerts           int       `json:"alerts_last_24h"`
	Critical         int       `json:"critical_alerts"`
	DDoS             int       `json:"ddos_attacks"`
	Exfiltration     int       `json:"exfiltration_attempts"`
	BaselineAnomaly  int       `json:"baseline_anomalies"`
	Open             int       `json:"open_incidents" doc:"that go on, whenever they were detected"`
	Exporters        int       `json:"exporters"`
	ExportersSilent  int       `json:"exporters_silent" doc:"not heard of for five minutes"`
	RecordsReceived  uint64    `json:"records_received" doc:"since the start of the program"`
	SequenceGapsSeen uint64    `json:"sequence_gaps" doc:"since the start of the program"`
}

// silentAfter is longer than the longest pause of an exporter that works: five
// minutes is the largest active timeout and template refresh in common use.
const silentAfter = 5 * time.Minute

func (h *handlers) summary(ctx context.Context, _ *struct{}) (*SummaryOutput, error) {
	now := h.deps.Clock().UTC()
	since := now.Add(-24 * time.Hour)
	c, err := h.deps.Incidents.Counts(ctx, since)
	if err != nil {
		return nil, h.failed(ctx, "count incidents", err)
	}
	s := Summary{
		Since: since, Alerts: c.Alerts, Critical: c.Critical, DDoS: c.DDoS,
		Exfiltration: c.Exfiltration, BaselineAnomaly: c.Anomalies, Open: c.Open,
	}
	if h.deps.Exporters != nil {
		exporters := h.deps.Exporters()
		s.Exporters = len(exporters)
		for i := range exporters {
			e := &exporters[i]
			if now.Sub(e.LastSeen) > silentAfter {
				s.ExportersSilent++
			}
			s.RecordsReceived += e.Records
			s.SequenceGapsSeen += e.SequenceGaps
		}
	}
	return &SummaryOutput{s}, nil
}

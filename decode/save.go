// SPDX-License-Identifier: Apache-2.0

package decode

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"slices"

	"tidewatch/flow"
)

const (
	// stateVersion changes when an older program could no longer read the state.
	stateVersion = 1
	// maxState bounds what Restore reads, so that a damaged file costs no more
	// memory than the tables it fills.
	maxState = 512 << 20
)

// state is what survives a restart: templates and sampling rates, so that data
// can be decoded before the exporters repeat them.
type state struct {
	Version   int             `json:"version"`
	Exporters []exporterState `json:"exporters"`
}

type exporterState struct {
	Addr      netip.Addr      `json:"addr"`
	Templates []templateState `json:"templates"` // least recently used first
	Domains   []domainState   `json:"domains"`
}

type templateState struct {
	Protocol string `json:"protocol"`
	Domain   uint32 `json:"domain"`
	ID       uint16 `json:"id"`
	Options  bool   `json:"options,omitempty"`
	Scope    int    `json:"scope,omitempty"`
	Used     int64  `json:"used"` // Unix ns
	Spec     []byte `json:"spec"` // the fields as they were on the wire
}

type domainState struct {
	Protocol string         `json:"protocol"`
	Domain   uint32         `json:"domain"`
	Boot     int64          `json:"boot,omitempty"` // Unix ns
	Rate     uint32         `json:"rate,omitempty"`
	Samplers []samplerState `json:"samplers,omitempty"`
}

type samplerState struct {
	Interface bool   `json:"interface,omitempty"`
	ID        uint64 `json:"id"`
	Rate      uint32 `json:"rate"`
}

// Save writes templates and sampling rates as JSON.
func (d *Decoder) Save(w io.Writer) error {
	s := state{Version: stateVersion, Exporters: []exporterState{}}
	for _, ex := range d.exporters {
		s.Exporters = append(s.Exporters, ex.state())
	}
	slices.SortFunc(s.Exporters, func(a, b exporterState) int { return a.Addr.Compare(b.Addr) })
	if err := json.NewEncoder(w).Encode(&s); err != nil {
		return fmt.Errorf("save templates: %w", err)
	}
	return nil
}

func (ex *exporter) state() exporterState {
	s := exporterState{Addr: ex.addr.Netip(), Templates: []templateState{}, Domains: []domainState{}}
	for t := ex.used.sentinel.prev; t != &ex.used.sentinel; t = t.prev {
		s.Templates = append(s.Templates, templateState{
			Protocol: t.key.proto().String(), Domain: t.key.domain(), ID: t.key.id(),
			Options: t.options, Scope: t.scope, Used: t.used, Spec: t.spec,
		})
	}
	for k, st := range ex.streams {
		if st.boot == 0 && st.sampling.whole == 0 && len(st.sampling.keyed) == 0 {
			continue
		}
		dom := domainState{Protocol: k.proto.String(), Domain: k.domain, Boot: st.boot, Rate: st.sampling.whole}
		for sk, rate := range st.sampling.keyed {
			dom.Samplers = append(dom.Samplers, samplerState{Interface: sk.isInterface, ID: sk.id, Rate: rate})
		}
		slices.SortFunc(dom.Samplers, func(a, b samplerState) int { return cmp.Compare(a.ID, b.ID) })
		s.Domains = append(s.Domains, dom)
	}
	slices.SortFunc(s.Domains, func(a, b domainState) int {
		return cmp.Or(cmp.Compare(a.Protocol, b.Protocol), cmp.Compare(a.Domain, b.Domain))
	})
	return s
}

// Restore reads what Save wrote into a Decoder that has decoded nothing yet. All
// bounds hold as for live templates; entries beyond them or damaged are left
// out. An error means that the input is no such state; then nothing was taken.
func (d *Decoder) Restore(r io.Reader) error {
	var s state
	if err := json.NewDecoder(io.LimitReader(r, maxState)).Decode(&s); err != nil {
		return fmt.Errorf("restore templates: %w", err)
	}
	if s.Version != stateVersion {
		return fmt.Errorf("restore templates: state version %d is not %d", s.Version, stateVersion)
	}
	for i := range s.Exporters {
		d.restoreExporter(&s.Exporters[i])
	}
	return nil
}

func (d *Decoder) restoreExporter(s *exporterState) {
	seen := int64(0)
	for i := range s.Templates {
		seen = max(seen, s.Templates[i].Used)
	}
	if !s.Addr.IsValid() {
		return
	}
	ex := d.exporter(flow.AddrFrom(s.Addr), seen)
	if ex == nil {
		return
	}
	for i := range s.Templates {
		ts := &s.Templates[i]
		proto := templateProtocol(ts.Protocol)
		count, n := countFields(ts.Spec, proto == IPFIX)
		if proto == Unknown || n != len(ts.Spec) || ts.Scope < 0 || ts.Scope > count {
			continue
		}
		t, why := d.compileTemplate(&definition{
			key: newTemplateKey(proto, ts.Domain, ts.ID), spec: ts.Spec,
			count: count, scope: ts.Scope, options: ts.Options,
		})
		if why != None || ex.templates[t.key] != nil {
			continue
		}
		t.used = ts.Used
		d.insert(ex, t)
	}
	for i := range s.Domains {
		if ds := &s.Domains[i]; templateProtocol(ds.Protocol) != Unknown {
			ex.restoreDomain(ds, seen)
		}
	}
}

func (ex *exporter) restoreDomain(s *domainState, seen int64) {
	st := ex.stream(streamKey{proto: templateProtocol(s.Protocol), domain: s.Domain}, seen)
	st.boot, st.sampling.whole = s.Boot, s.Rate
	for _, k := range s.Samplers {
		if k.Rate == 0 {
			continue
		}
		key := samplerKey{isInterface: k.Interface, id: k.ID}
		if added, _ := st.sampling.set(key, k.Rate, ex.samplers < maxSamplers); added {
			ex.samplers++
		}
	}
}

// templateProtocol names the protocols that have templates.
func templateProtocol(s string) Protocol {
	for _, p := range []Protocol{NetFlow9, IPFIX} {
		if p.String() == s {
			return p
		}
	}
	return Unknown
}

// countFields walks a specification of unknown field count.
func countFields(spec []byte, enterprise bool) (count, n int) {
	for n < len(spec) {
		size, ok := specLength(spec[n:], 1, enterprise)
		if !ok {
			return count, n
		}
		n += size
		count++
	}
	return count, n
}

// SPDX-License-Identifier: Apache-2.0

package decode

import (
	"net/netip"
	"testing"
	"time"

	"tidewatch/flow"
)

// nth is the n-th of many exporters.
func nth(n int) netip.Addr { return netip.AddrFrom4([4]byte{203, 0, byte(n >> 8), byte(n)}) }

// A full table refuses newcomers while its members are alive, so that forged
// sources cannot push them out, and replaces the one silent for longest.
func TestExporterBound(t *testing.T) {
	numbers := map[uint32]string{}
	d, b := newDecoder(t, func(c *Config) {
		c.MaxExporters = 3
		c.Seen = func(i uint32, a netip.Addr) { numbers[i] += a.String() + " " }
	}), flow.NewBatch(64)
	send := func(n int, after time.Duration) Result {
		return d.Decode(message5(0, 0, 1), nth(n), t0*second+int64(after), b)
	}
	for n := range 3 {
		send(n, time.Duration(n)*time.Minute)
	}
	if got := send(3, 3*time.Minute); got.Broken != ExporterTableFull || got.Records != 0 {
		t.Errorf("a newcomer got %+v", got)
	}
	send(0, 9*time.Minute)
	if got := send(3, 11*time.Minute); got.Broken != None || got.Records != 1 {
		t.Errorf("after ten minutes' silence of another a newcomer got %+v", got)
	}
	var left []string
	for s := range d.Exporters() {
		left = append(left, s.Addr.String())
	}
	if len(left) != 3 || left[0] != "203.0.0.3" || left[1] != "203.0.0.0" || left[2] != "203.0.0.2" {
		t.Errorf("left are %v", left)
	}
	if b.Exporter[b.Len()-1] != 1 {
		t.Errorf("the newcomer has number %d, want the freed 1", b.Exporter[b.Len()-1])
	}
	if len(numbers) != 3 || numbers[1] != "203.0.0.1 203.0.0.3 " {
		t.Errorf("the numbers were told as %v", numbers)
	}
	if tot := d.Totals(); tot.ExportersEvicted != 1 || tot.Broken[ExporterTableFull] != 1 || tot.Records != 5 {
		t.Errorf("totals %+v", tot)
	}
}

// Numbers may come from the intake, which may refuse as well.
func TestExporterIndex(t *testing.T) {
	d, b := newDecoder(t, func(c *Config) {
		c.Index = func(a netip.Addr) (uint32, bool) { return 40 + uint32(a.As4()[3]), a != nth(9) }
	}), flow.NewBatch(4)
	d.Decode(message5(0, 0, 1), nth(2), t0*second, b)
	if got := d.Decode(message5(0, 0, 1), nth(9), t0*second, b); got.Broken != ExporterTableFull {
		t.Errorf("a refused exporter got %+v", got)
	}
	d.Decode(message5(0, 0, 1), netip.AddrFrom16(nth(3).As16()), t0*second, b) // as a dual-stack socket writes IPv4
	if b.Exporter[0] != 42 || b.Exporter[1] != 43 {
		t.Errorf("numbers are %v", b.Exporter)
	}
	if s := only2(t, d); s[0].Addr != nth(3) {
		t.Errorf("the address is %v", s[0].Addr)
	}
}

func only2(tb testing.TB, d *Decoder) []ExporterStats {
	tb.Helper()
	var all []ExporterStats
	for s := range d.Exporters() {
		all = append(all, s)
	}
	if len(all) != 2 {
		tb.Fatalf("%d exporters, want 2", len(all))
	}
	return all
}

// Observation domains are bounded, too.
func TestStreamBound(t *testing.T) {
	d, b := newDecoder(t, nil), flow.NewBatch(1)
	for i := range maxStreams + 10 {
		d.Decode(message9(0, i, setOf(0, templateOf(256, 8, 4))), exporterA, (t0+int64(i))*second, b)
	}
	if s := only(t, d); s.StreamsEvicted != 10 {
		t.Errorf("%d evicted, want 10", s.StreamsEvicted)
	}
}

// Foreign and broken headers make no exporter known.
func TestHeaders(t *testing.T) {
	for name, tc := range map[string]struct {
		payload []byte
		want    Reason
	}{
		"empty":               {nil, UnknownProtocol},
		"DNS":                 {join(u16(0x1234), u16(0x0100), u64(1)), UnknownProtocol},
		"v5, short":           {message5(0, 0, 1)[:23], ShortHeader},
		"v5, no record":       {message5(0, 0, 0), BadCount},
		"v5, absurd count":    {append(join(u16(5), u16(55_582)), make([]byte, 1460)...), BadCount},
		"v9, short":           {message9(0, 1)[:19], ShortHeader},
		"IPFIX, short":        {messageIPFIX(0, 1)[:15], ShortHeader},
		"IPFIX, bad length":   {join(u16(10), u16(15), make([]byte, 12)), BadSetLength},
		"sFlow, short":        {messageSFlow(0)[:27], ShortHeader},
		"sFlow, no family":    {join(u32(5), u32(3), make([]byte, 40)), ShortHeader},
		"sFlow, of version 4": {join(u32(4), u32(1), make([]byte, 40)), UnknownProtocol},
	} {
		d, b := newDecoder(t, nil), flow.NewBatch(1)
		if got := d.Decode(tc.payload, exporterA, t0*second, b); got.Broken != tc.want || got.Records != 0 {
			t.Errorf("%s: %+v, want %v", name, got, tc.want)
		}
		for s := range d.Exporters() {
			t.Errorf("%s: %v became known", name, s.Addr)
		}
		if d.Totals().Broken[tc.want] != 1 {
			t.Errorf("%s: not counted", name)
		}
	}
}

// What a cut datagram still holds is used.
func TestCutDatagrams(t *testing.T) {
	tpl := setOf(2, templateOf(256, pairFields...))
	for name, tc := range map[string]struct {
		payload []byte
		records int
		want    Reason
	}{
		"v5 cut in its third record": {message5(0, 0, 3)[:24+2*48+20], 2, Truncated},
		"v5 with bytes to spare":     {append(message5(0, 0, 2), make([]byte, 100)...), 2, None},
		"v5 of more than 30 records": {message5(0, 0, 40), 40, None},
		"IPFIX cut in its data":      {messageIPFIX(0, 1, tpl, setOf(256, pairs(4)))[:16+20+4+30], 2, Truncated},
		"IPFIX with bytes behind":    {append(messageIPFIX(0, 1, tpl, setOf(256, pairs(4))), 1, 2, 3), 4, TrailingBytes},
	} {
		d, b := newDecoder(t, nil), flow.NewBatch(1)
		if got := d.Decode(tc.payload, exporterA, t0*second, b); got.Broken != tc.want || got.Records != tc.records {
			t.Errorf("%s: %+v, want %d records and %v", name, got, tc.records, tc.want)
		}
	}
}

func TestConfig(t *testing.T) {
	if cfg := DefaultConfig(); cfg.Validate() != nil {
		t.Errorf("the default is not valid: %v", cfg.Validate())
	}
	for name, change := range map[string]func(*Config){
		"clock":          func(c *Config) { c.Clock = 2 },
		"exporters":      func(c *Config) { c.MaxExporters = 0 },
		"templates":      func(c *Config) { c.MaxTemplates = 0 },
		"fields":         func(c *Config) { c.MaxFields = -1 },
		"template bytes": func(c *Config) { c.MaxTemplateBytes = 0 },
		"pending":        func(c *Config) { c.PendingBytes = -1 },
		"lifetime":       func(c *Config) { c.TemplateTTL = 0 },
		"rate":           func(c *Config) { c.Sampling = []SamplingRule{{Exporter: netip.MustParsePrefix("::/0")}} },
		"prefix":         func(c *Config) { c.Sampling = []SamplingRule{{Rate: 5}} },
	} {
		cfg := DefaultConfig()
		change(&cfg)
		if _, err := New(cfg); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestSniff(t *testing.T) {
	sflow := messageSFlow(0, sampleOf(10, rawHeaderRecord(1, ethernetTCP(1), 100)))
	for name, tc := range map[string]struct {
		payload []byte
		want    Protocol
	}{
		"v5":               {message5(0, 0, 3), NetFlow5},
		"v5, cut":          {message5(0, 0, 3)[:100], Unknown},
		"v9":               {message9(0, 1, setOf(0, templateOf(256, 8, 4))), NetFlow9},
		"v9, data":         {message9(0, 1, setOf(300, u32(1))), NetFlow9},
		"v9, no set":       {message9(0, 1), Unknown},
		"v9, reserved set": {message9(0, 1, setOf(77, u32(1))), Unknown},
		"IPFIX":            {messageIPFIX(0, 1, setOf(3, u64(0))), IPFIX},
		"IPFIX, too long":  {messageIPFIX(0, 1, setOf(3, u64(0)))[:22], Unknown},
		"sFlow":            {sflow, SFlow5},
		"sFlow, empty":     {messageSFlow(0), SFlow5},
		"sFlow, cut":       {sflow[:60], Unknown},
		"DNS":              {join(u16(5), u16(0x0100), u16(1), make([]byte, 40)), Unknown},
		"empty":            {nil, Unknown},
	} {
		if got := Sniff(tc.payload); got != tc.want {
			t.Errorf("%s: %v, want %v", name, got, tc.want)
		}
	}
}

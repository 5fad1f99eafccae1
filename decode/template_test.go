// SPDX-License-Identifier: Apache-2.0

package decode

import (
	"testing"
	"time"

	"tidewatch/flow"
)

// feed decodes payloads of one exporter, seconds apart, and returns the results.
func feed(d *Decoder, b *flow.Batch, payloads ...[]byte) []Result {
	var out []Result
	for i, p := range payloads {
		out = append(out, d.Decode(p, exporterA, (t0+int64(i))*second, b))
	}
	return out
}

var pairFields = []int{8, 4, 12, 4, 1, 4} // 12 bytes a record

func pairs(n int) []byte {
	return repeat(n, func(i int) []byte { return join([]byte{10, 0, 0, byte(i + 1)}, []byte{198, 51, 100, 7}, u32(100+i)) })
}

// What templates can look like, and how many records come of the data after them.
func TestTemplates(t *testing.T) {
	tpl := func(id int, fields ...int) []byte { return templateOf(id, fields...) }
	for name, tc := range map[string]struct {
		v9      bool
		sets    [][]byte
		records int
		broken  Reason
	}{
		"several templates in a set": {true, [][]byte{setOf(0, tpl(256, pairFields...), tpl(257, 8, 4)), setOf(257, []byte{1, 2, 3, 4}), setOf(256, pairs(2))}, 3, None},
		"several sets":               {false, [][]byte{setOf(2, tpl(256, pairFields...)), setOf(256, pairs(2)), setOf(256, pairs(3))}, 5, None},
		"padding after data":         {false, [][]byte{setOf(2, tpl(256, pairFields...)), setOf(256, pairs(2), make([]byte, 3))}, 2, None},
		"padding after templates":    {true, [][]byte{setOf(0, tpl(256, pairFields...), make([]byte, 4)), setOf(256, pairs(1))}, 1, None},
		"zeros after the sets":       {true, [][]byte{setOf(0, tpl(256, pairFields...)), setOf(256, pairs(1)), make([]byte, 500)}, 1, None},
		"the same template twice":    {true, [][]byte{setOf(0, tpl(256, pairFields...), tpl(256, pairFields...)), setOf(256, pairs(2))}, 2, None},
		"a template that changes": {
			true, [][]byte{setOf(0, tpl(256, pairFields...)), setOf(256, pairs(2)), setOf(0, tpl(256, 8, 4)), setOf(256, pairs(2))}, 8, None,
		},
		"withdrawn": {false, [][]byte{setOf(2, tpl(256, pairFields...)), setOf(2, tpl(256)), setOf(256, pairs(2))}, 0, None},
		"all withdrawn": {
			false, [][]byte{setOf(2, tpl(256, pairFields...)), setOf(2, tpl(2)), setOf(256, pairs(2))}, 0, None,
		},
		"all options templates withdrawn": {
			false, [][]byte{setOf(2, tpl(256, pairFields...)), setOf(3, tpl(3)), setOf(256, pairs(2))}, 2, None,
		},
		"withdrawal of nothing that can be": {false, [][]byte{setOf(2, tpl(7))}, 0, BadTemplate},
		"no fields in v9":                   {true, [][]byte{setOf(0, tpl(256)), setOf(256, pairs(2))}, 0, EmptyTemplate},
		"fields without bytes":              {true, [][]byte{setOf(0, tpl(256, 8, 0, 12, 0)), setOf(256, pairs(2))}, 0, EmptyTemplate},
		"the 36-byte datagram": {
			// Seen to drive a widely used collector into an endless loop: a template
			// without fields, and data for it.
			true, [][]byte{setOf(0, u16(256), u16(0)), setOf(256, u32(0))}, 0, EmptyTemplate,
		},
		"template id too low":         {true, [][]byte{setOf(0, tpl(255, pairFields...))}, 0, BadTemplate},
		"template cut off":            {true, [][]byte{setOf(0, tpl(256, pairFields...)[:10])}, 0, BadTemplate},
		"more fields than bytes":      {true, [][]byte{setOf(0, u16(256), u16(65_535), u32(0))}, 0, BadTemplate},
		"too many fields":             {true, [][]byte{setOf(0, tpl(256, make([]int, 2*513)...))}, 0, LargeTemplate},
		"reserved set in v9":          {true, [][]byte{setOf(5, u32(1))}, 0, ReservedSet},
		"v9 template set in IPFIX":    {false, [][]byte{setOf(0, tpl(256, pairFields...))}, 0, ReservedSet},
		"a set shorter than a header": {true, [][]byte{{1, 0, 0, 3}}, 0, BadSetLength},
		"a set past the end":          {true, [][]byte{setOf(0, tpl(256, pairFields...)), join(u16(256), u16(1000), pairs(2))}, 2, Truncated},
		"options template cut off":    {false, [][]byte{setOf(3, u16(256), u16(2), u16(1), u32(0))}, 0, BadTemplate},
		"more scopes than fields":     {false, [][]byte{setOf(3, u16(256), u16(1), u16(2), fieldSpec(34, 4, 0))}, 0, BadTemplate},
		"v9 options of odd length":    {true, [][]byte{setOf(1, u16(256), u16(3), u16(4), u64(0))}, 0, BadTemplate},
		"options without bytes":       {true, [][]byte{setOf(1, optionsTemplate9(256, nil, []int{34, 0}))}, 0, EmptyTemplate},
	} {
		t.Run(name, func(t *testing.T) {
			d, b := newDecoder(t, func(c *Config) { c.PendingBytes = 1000 }), flow.NewBatch(16)
			payload := messageIPFIX(0, 1, tc.sets...)
			if tc.v9 {
				payload = message9(0, 1, tc.sets...)
			}
			res := feed(d, b, payload)[0]
			if res.Records != tc.records || b.Len() != tc.records || res.Broken != tc.broken {
				t.Errorf("%+v, want %d records and %v", res, tc.records, tc.broken)
			}
		})
	}
}

// Enterprise elements are skipped by length, whatever their numbers.
func TestEnterprise(t *testing.T) {
	spec := join(u16(256), u16(4), fieldSpec(8, 4, 0), fieldSpec(1, 8, 9), fieldSpec(12, 4, 0), fieldSpec(1, 4, 0))
	got := decodeOne(t, newDecoder(t, nil), messageIPFIX(0, 1, setOf(2, spec),
		setOf(256, []byte{10, 0, 0, 1}, u64(1<<60), []byte{10, 0, 0, 2}, u32(7))))
	if len(got) != 1 || got[0].Bytes != 7 || got[0].Dst != addr("10.0.0.2") {
		t.Errorf("got %+v", got)
	}
}

// Records with variable-length fields are walked one by one.
func TestVariableLength(t *testing.T) {
	spec := setOf(2, templateOf(256, 8, 4, 96, variable, 12, 4, 82, variable, 1, 4))
	long := append([]byte{255, 1, 44}, make([]byte, 300)...)
	first := join([]byte{10, 0, 0, 1}, []byte{3, 'd', 'n', 's'}, []byte{10, 0, 0, 2}, []byte{0}, u32(11))
	second := join([]byte{10, 0, 0, 3}, long, []byte{10, 0, 0, 4}, []byte{1, 'x'}, u32(22))
	for name, tc := range map[string]struct {
		data    []byte
		records int
		broken  Reason
	}{
		"two records":              {join(first, second), 2, None},
		"padding":                  {join(first, second, []byte{0, 0}), 2, None},
		"long padding":             {join(first, make([]byte, 13)), 1, None},
		"a length past the set":    {join(first, []byte{10, 0, 0, 3, 200}, make([]byte, 20)), 1, BadField},
		"a length cut off":         {join(first, []byte{10, 0, 0, 3, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 255}), 1, BadField},
		"a long form of zero":      {join([]byte{10, 0, 0, 1, 255, 0, 0}, []byte{10, 0, 0, 2}, []byte{0}, u32(11)), 1, None},
		"an address in other form": {first, 1, None},
	} {
		t.Run(name, func(t *testing.T) {
			d, b := newDecoder(t, nil), flow.NewBatch(4)
			res := feed(d, b, messageIPFIX(0, 1, spec, setOf(256, tc.data)))[0]
			if res.Records != tc.records || res.Broken != tc.broken {
				t.Fatalf("%+v, want %d records and %v", res, tc.records, tc.broken)
			}
			if b.Bytes[0] != 11 || b.Dst[0] != addr("10.0.0.2") || tc.records == 2 && (b.Bytes[1] != 22 || b.Src[1] != addr("10.0.0.3")) {
				t.Errorf("got %+v", dump(b))
			}
		})
	}
}

// A numeric or address field may itself have variable length.
func TestVariableNumbers(t *testing.T) {
	spec := setOf(2, templateOf(256, 8, variable, 12, variable, 1, variable))
	got := decodeOne(t, newDecoder(t, nil), messageIPFIX(0, 1, spec,
		setOf(256, []byte{4, 10, 0, 0, 1}, []byte{5, 1, 2, 3, 4, 5}, []byte{2, 1, 0})))
	if len(got) != 1 || got[0].Src != addr("10.0.0.1") || !got[0].Dst.IsZero() || got[0].Bytes != 256 {
		t.Errorf("got %+v", got)
	}
}

// The least recently used template makes room, and a template unused for its
// lifetime is forgotten; both are counted.
func TestStoreBounds(t *testing.T) {
	tpl := func(id int) []byte { return message9(0, 1, setOf(0, templateOf(id, pairFields...))) }
	data := func(id int) []byte { return message9(0, 1, setOf(id, pairs(1))) }
	t.Run("templates", func(t *testing.T) {
		d, b := newDecoder(t, func(c *Config) { c.MaxTemplates, c.PendingBytes = 2, 0 }), flow.NewBatch(4)
		feed(d, b, tpl(256), tpl(257), data(256), tpl(258)) // 257 is the least recently used
		got := feed(d, b, data(256), data(257), data(258))
		if got[0].Records != 1 || got[1].Records != 0 || got[2].Records != 1 || got[1].Broken != MissingTemplate {
			t.Errorf("got %+v", got)
		}
		if s := only(t, d); s.Templates != 2 || s.TemplatesEvicted != 1 {
			t.Errorf("%d templates, %d evicted", s.Templates, s.TemplatesEvicted)
		}
	})
	t.Run("bytes", func(t *testing.T) {
		cost := templateCost(make([]byte, 12))
		d, b := newDecoder(t, func(c *Config) { c.MaxTemplateBytes, c.PendingBytes = 3*cost, 0 }), flow.NewBatch(4)
		for i := range 10 {
			feed(d, b, tpl(256+i))
		}
		if s := only(t, d); s.Templates != 3 || s.TemplatesEvicted != 7 {
			t.Errorf("%d templates, %d evicted", s.Templates, s.TemplatesEvicted)
		}
	})
	t.Run("one template larger than all", func(t *testing.T) {
		d, b := newDecoder(t, func(c *Config) { c.MaxTemplateBytes = 300 }), flow.NewBatch(4)
		if got := feed(d, b, tpl(256)); got[0].Broken != LargeTemplate {
			t.Errorf("got %+v", got)
		}
	})
	t.Run("lifetime", func(t *testing.T) {
		d, b := newDecoder(t, func(c *Config) { c.TemplateTTL, c.PendingBytes = time.Hour, 0 }), flow.NewBatch(4)
		for i, tc := range []struct {
			at      time.Duration
			payload []byte
			want    int
		}{
			{0, tpl(256), 0},
			{59 * time.Minute, data(256), 1},
			{118 * time.Minute, data(256), 1},
			{179 * time.Minute, data(256), 0},
			{180 * time.Minute, tpl(256), 0},
			{181 * time.Minute, data(256), 1},
		} {
			if got := d.Decode(tc.payload, exporterA, t0*second+int64(tc.at), b); got.Records != tc.want {
				t.Errorf("step %d: %+v, want %d records", i, got, tc.want)
			}
		}
		if s := only(t, d); s.TemplatesExpired != 1 {
			t.Errorf("%d expired", s.TemplatesExpired)
		}
	})
}

// Templates belong to exporter, protocol and domain.
func TestTemplateScope(t *testing.T) {
	d, b := newDecoder(t, func(c *Config) { c.PendingBytes = 0 }), flow.NewBatch(4)
	feed(d, b, message9(0, 1, setOf(0, templateOf(256, pairFields...))))
	for name, tc := range map[string]struct {
		payload []byte
		from    string
		want    int
	}{
		"its own":        {message9(0, 1, setOf(256, pairs(1))), "192.0.2.1", 1},
		"other domain":   {message9(0, 2, setOf(256, pairs(1))), "192.0.2.1", 0},
		"other protocol": {messageIPFIX(0, 1, setOf(256, pairs(1))), "192.0.2.1", 0},
		"other exporter": {message9(0, 1, setOf(256, pairs(1))), "192.0.2.2", 0},
	} {
		if got := d.Decode(tc.payload, addr(tc.from).Netip(), t0*second, b); got.Records != tc.want {
			t.Errorf("%s: %+v, want %d records", name, got, tc.want)
		}
	}
}

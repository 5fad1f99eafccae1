// SPDX-License-Identifier: Apache-2.0

package decode

import (
	"encoding/binary"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tidewatch/flow"
)

// drawn is a field of a random template.
type drawn struct{ id, length, pen int }

// drawFields makes a template that goflow2 reads as we do: each column from one
// element, numbers in reduced size, and any foreign fields between them.
func drawFields(t *rapid.T, ipfix bool) []drawn {
	var out []drawn
	add := func(length int, ids ...int) {
		id := rapid.SampledFrom(ids).Draw(t, "id")
		if id != 0 {
			out = append(out, drawn{id: id, length: length})
		}
	}
	width := func(most int) int { return rapid.IntRange(1, most).Draw(t, "width") }
	if rapid.Bool().Draw(t, "IPv6") {
		add(16, 27)
		add(16, 28)
	} else {
		add(4, 8)
		add(4, 12)
	}
	add(width(8), 0, 1, 23)
	add(width(8), 0, 2, 24)
	add(1, 0, 4)
	add(width(2), 0, 6)
	add(width(2), 0, 7)
	add(width(2), 0, 11)
	add(width(4), 0, 10)
	add(width(4), 0, 14)
	add(width(4), 0, 16)
	add(width(4), 0, 17)
	for range rapid.IntRange(0, 5).Draw(t, "foreign") {
		f := drawn{id: rapid.IntRange(400, 430).Draw(t, "foreign id"), length: rapid.IntRange(0, 20).Draw(t, "length")}
		if ipfix {
			f.pen = rapid.SampledFrom([]int{0, 9, 35_632}).Draw(t, "pen")
			if rapid.Bool().Draw(t, "variable") {
				f.length = variable
			}
		}
		out = append(out, f)
	}
	return rapid.Permutation(out).Draw(t, "order")
}

// drawRecord fills one record with random bytes.
func drawRecord(t *rapid.T, fields []drawn) []byte {
	var out []byte
	for _, f := range fields {
		n := f.length
		if n == variable {
			if n = rapid.IntRange(0, 300).Draw(t, "size"); n < 255 {
				out = append(out, byte(n))
			} else {
				out = append(append(out, 255), u16(n)...)
			}
		}
		out = append(out, rapid.SliceOfN(rapid.Byte(), n, n).Draw(t, "bytes")...)
	}
	return out
}

// TestRandomTemplatesAgainstGoflow2 compares the compiled plans with goflow2's
// field-by-field reading on templates that no capture has.
func TestRandomTemplatesAgainstGoflow2(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		ipfix := rapid.Bool().Draw(rt, "ipfix")
		fields := drawFields(rt, ipfix)
		spec := join(u16(256), u16(len(fields)))
		for _, f := range fields {
			spec = append(spec, fieldSpec(f.id, f.length, f.pen)...)
		}
		var data []byte
		n := rapid.IntRange(1, 5).Draw(rt, "records")
		for range n {
			data = append(data, drawRecord(rt, fields)...)
		}
		g := datagram{from: exporterA, received: t0 * second}
		if ipfix {
			g.payload = messageIPFIX(0, 1, setOf(2, spec), setOf(256, data))
		} else {
			g.payload = message9(0, 1, setOf(0, spec), setOf(256, data))
		}
		b := flow.NewBatch(8)
		if got := compare(t, newDecoder(t, nil), newOracle(t), &g, b); got != n || t.Failed() {
			rt.Fatalf("compared %d of %d records of %+v", got, n, fields)
		}
	})
}

// Whatever two payloads an exporter sends, the invariants hold. This is the fuzz
// targets' body on inputs that are mostly well-formed.
func TestRandomDamage(t *testing.T) {
	good := append(append(append(payloads(t, NetFlow5), payloads(t, NetFlow9)...), payloads(t, IPFIX)...), payloads(t, SFlow5)...)
	rapid.Check(t, func(rt *rapid.T) {
		d, b := newDecoder(t, smallConfig), flow.NewBatch(64)
		for i := range rapid.IntRange(1, 6).Draw(rt, "datagrams") {
			p := join(rapid.SampledFrom(good).Draw(rt, "payload"))
			for range rapid.IntRange(0, 4).Draw(rt, "changes") {
				at := rapid.IntRange(0, len(p)-2).Draw(rt, "at")
				binary.BigEndian.PutUint16(p[at:], rapid.SampledFrom([]uint16{0, 1, 4, 255, 256, 257, 29_305, 32_768, 65_535}).Draw(rt, "value"))
			}
			p = p[:rapid.IntRange(0, len(p)).Draw(rt, "cut")]
			b.Reset()
			checkInvariants(t, d, p, d.Decode(p, exporterA, (t0+int64(i)*100)*second, b), b)
		}
	})
}

// The worst datagrams that could be thought of cost bounded time.
func TestWorstCases(t *testing.T) {
	full := func(message func(int, int, ...[]byte) []byte, id int, one []byte) []byte {
		return message(0, 1, setOf(id, repeat((65_000-40)/len(one), func(int) []byte { return one })))
	}
	many := func(message func(int, int, ...[]byte) []byte, record func(i int) []byte, each int) []byte {
		return message(0, 1, repeat(64_000/each, record))
	}
	filled := func(d *Decoder) {
		b := flow.NewBatch(1)
		for i := range d.cfg.MaxTemplates {
			d.Decode(messageIPFIX(0, 77, setOf(2, templateOf(256+i, 8, 4))), exporterA, t0*second, b)
		}
		for i := range 400 {
			d.Decode(messageIPFIX(0, 78, setOf(300+i, u32(1))), exporterA, t0*second, b)
		}
		d.Decode(message9(0, 1, setOf(1, optionsTemplate9(300, []int{1, 4}, []int{48, 4, 50, 4}))), exporterA, t0*second, b)
	}
	for name, payload := range map[string][]byte{
		"withdrawals":           many(messageIPFIX, func(int) []byte { return setOf(2, templateOf(2)) }, 8),
		"new templates":         many(messageIPFIX, func(i int) []byte { return setOf(2, templateOf(256+i%60_000, 8, 4)) }, 12),
		"templates in turn":     many(message9, func(i int) []byte { return setOf(0, templateOf(256, 8, 4+i%2)) }, 12),
		"sets of unknown data":  many(messageIPFIX, func(i int) []byte { return setOf(2000+i, []byte{1}) }, 5),
		"empty sets":            many(message9, func(int) []byte { return setOf(256) }, 4),
		"one-byte records":      messageIPFIX(0, 1, setOf(2, templateOf(256, 4, 1)), setOf(256, make([]byte, 64_000))),
		"one-byte biflows":      messageIPFIX(0, 1, setOf(2, join(u16(256), u16(1), fieldSpec(1, 1, penReverse))), setOf(256, make([]byte, 64_000))),
		"empty variable fields": messageIPFIX(0, 1, setOf(2, templateOf(256, 82, variable)), setOf(256, make([]byte, 64_000))),
		"many columns": messageIPFIX(0, 1, setOf(2, templateOf(256, append(repeatInts(500, 1, 0), 4, 1)...)),
			setOf(256, make([]byte, 60_000))),
		"samplers":              message9(0, 1, setOf(300, repeat(5000, func(i int) []byte { return join(u32(0), u32(i), u32(i%3+1)) }))),
		"counters":              messageSFlow(0, repeat(8000, func(int) []byte { return opaque(counterSample) })),
		"records of a sample":   messageSFlow(0, sampleOf(1, repeat(8000, func(int) []byte { return opaque(rawHeader) }))),
		"templates without end": full(message9, 0, templateOf(256, 8, 4)),
	} {
		t.Run(name, func(t *testing.T) {
			d, b := newDecoder(t, nil), flow.NewBatch(1024)
			filled(d)
			// The fastest round counts, and of it Decode alone: a busy machine and the
			// checks cost more than what is measured.
			took := time.Hour
			for i := range 5 {
				b.Reset()
				begin := time.Now()
				res := d.Decode(payload, exporterA, (t0+int64(i))*second, b)
				took = min(took, time.Since(begin))
				checkInvariants(t, d, payload, res, b)
			}
			// The slowest took 11 ms when this was written; the rest is for the race
			// detector and busy machines. Anything quadratic is far beyond it.
			if took > 500*time.Millisecond {
				t.Errorf("a datagram of %d bytes takes %v", len(payload), took)
			} else {
				t.Logf("%v", took)
			}
		})
	}
}

func repeatInts(n int, v ...int) []int {
	var out []int
	for range n {
		out = append(out, v...)
	}
	return out
}

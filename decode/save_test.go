// SPDX-License-Identifier: Apache-2.0

package decode

import (
	"bytes"
	"strings"
	"testing"

	"tidewatch/flow"
)

// After a restart data are decoded at once, with the rates known before.
func TestSaveRestore(t *testing.T) {
	before, b := newDecoder(t, nil), flow.NewBatch(16)
	feed(before, b,
		message9(0, 1, setOf(0, templateOf(256, pairFields...), templateOf(257, 8, 4, 48, 1))),
		message9(1, 1, setOf(1, optionsTemplate9(300, []int{1, 4}, []int{48, 1, 50, 4})), setOf(300, u32(0), []byte{1}, u32(100), u32(0), []byte{2}, u32(200))),
		messageIPFIX(0, 9, setOf(2, biflowSpec()), setOf(3, join(u16(300), u16(2), u16(1), fieldSpec(149, 4, 0), fieldSpec(160, 8, 0))),
			setOf(300, u32(1), u64(t0*1000-10_000))),
		messageIPFIX(0, 8, setOf(2, templateOf(256, 8, variable, 12, 4))))
	var file bytes.Buffer
	if err := before.Save(&file); err != nil {
		t.Fatal(err)
	}
	after := newDecoder(t, nil)
	if err := after.Restore(bytes.NewReader(file.Bytes())); err != nil {
		t.Fatal(err)
	}
	if s := only(t, after); s.Templates != 6 || s.Addr != exporterA {
		t.Errorf("%d templates of %v", s.Templates, s.Addr)
	}
	b.Reset()
	got := feed(after, b,
		message9(0, 1, setOf(257, []byte{10, 0, 0, 1, 2}), setOf(256, pairs(2))),
		messageIPFIX(0, 9, setOf(256, biflowRecord(900, 9))),
		messageIPFIX(0, 8, setOf(256, []byte{4, 10, 0, 0, 9}, []byte{10, 0, 0, 2})))
	if got[0].Records != 3 || got[1].Records != 2 || got[2].Records != 1 || b.Sampling[0] != 200 || b.Src[5] != addr("10.0.0.9") {
		t.Errorf("got %+v\n%s", got, dump(b))
	}
	var again bytes.Buffer
	restored := newDecoder(t, nil)
	if err := restored.Restore(bytes.NewReader(file.Bytes())); err != nil {
		t.Fatal(err)
	}
	if err := restored.Save(&again); err != nil || again.String() != file.String() {
		t.Errorf("saved again it differs (%v):\n%s\n%s", err, file.String(), again.String())
	}
}

func TestRestoreRefuses(t *testing.T) {
	for name, in := range map[string]string{
		"nothing":         "",
		"no JSON":         "templates",
		"a later version": `{"version":2,"exporters":[]}`,
		"no version":      `{}`,
		"an address":      `{"version":1,"exporters":[{"addr":"router1"}]}`,
		"cut off":         `{"version":1,"exporters":[{"addr":"192.0.2.1","templates":[`,
	} {
		d := newDecoder(t, nil)
		if err := d.Restore(strings.NewReader(in)); err == nil {
			t.Errorf("%s: accepted", name)
		}
		for s := range d.Exporters() {
			t.Errorf("%s: took %v", name, s.Addr)
		}
	}
}

// Bounds hold for what is restored, and damaged entries are left out.
func TestRestoreBounds(t *testing.T) {
	from, b := newDecoder(t, nil), flow.NewBatch(1)
	for i := range 20 {
		from.Decode(message9(0, 1, setOf(0, templateOf(256+i, pairFields...))), exporterA, (t0+int64(i))*second, b)
	}
	var file bytes.Buffer
	if err := from.Save(&file); err != nil {
		t.Fatal(err)
	}
	small := newDecoder(t, func(c *Config) { c.MaxTemplates = 5 })
	if err := small.Restore(&file); err != nil {
		t.Fatal(err)
	}
	if s := only(t, small); s.Templates != 5 {
		t.Errorf("%d templates, want 5", s.Templates)
	}
	if got := feed(small, b, message9(0, 1, setOf(275, pairs(1)))); got[0].Records != 1 {
		t.Error("the most recently used template was lost")
	}
	damaged := newDecoder(t, nil)
	err := damaged.Restore(strings.NewReader(`{"version":1,"exporters":[{"addr":"192.0.2.1","templates":[
		{"protocol":"netflow9","id":256,"spec":"AAgABA=="},
		{"protocol":"netflow9","id":257,"spec":"AAgA"},
		{"protocol":"netflow9","id":258,"spec":""},
		{"protocol":"netflow9","id":7,"spec":"AAgABA=="},
		{"protocol":"netflow9","id":259,"scope":-1,"options":true,"spec":"AAgABA=="},
		{"protocol":"netflow9","id":260,"scope":9,"options":true,"spec":"AAgABA=="},
		{"protocol":"sflow5","id":261,"spec":"AAgABA=="}],
		"domains":[{"protocol":"sflow5","domain":1,"rate":5},{"protocol":"ipfix","domain":1,"samplers":[{"id":1,"rate":0}]}]}]}`))
	if err != nil {
		t.Fatal(err)
	}
	if s := only(t, damaged); s.Templates != 1 {
		t.Errorf("%d templates, want 1", s.Templates)
	}
}

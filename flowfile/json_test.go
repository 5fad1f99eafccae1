// SPDX-License-Identifier: Apache-2.0

package flowfile

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

func members(b []byte) (out map[string]string, ok bool) {
	out = map[string]string{}
	o := NewObject(b)
	for k, v, more := o.Next(); more; k, v, more = o.Next() {
		out[string(k)] = string(v)
	}
	return out, !o.Damaged()
}

func TestObject(t *testing.T) {
	got, ok := members([]byte(` {"a":1, "b" : "x\"}y" ,"c":{"d":[1,{"e":"]"}]},"f":null,"g":-1.5e3} ` + "\r"))
	want := map[string]string{"a": "1", "b": `"x\"}y"`, "c": `{"d":[1,{"e":"]"}]}`, "f": "null", "g": "-1.5e3"}
	if !ok || len(got) != len(want) {
		t.Fatalf("%v %v", got, ok)
	}
	for k, v := range want {
		if got[k] != v {
			t.Errorf("%s: %q, want %q", k, got[k], v)
		}
	}
	if _, ok := members([]byte("{}")); !ok {
		t.Error("{} is damaged")
	}
	for _, bad := range []string{
		"", "[]", "{", `{"a"`, `{"a":`, `{"a":1`, `{"a":1,}`, `{"a":1}}`, `{"a":1} x`, `{"a":"x}`, `{"a":[1}`, `{"a":{]}`,
		`{a:1}`, `{"a" 1}`, `{"a":,"b":1}`, `{"a":"\`, `{"a":` + strings.Repeat("[", 1000),
	} {
		if _, ok := members([]byte(bad)); ok {
			t.Errorf("%.30q passes", bad)
		}
	}
}

func TestText(t *testing.T) {
	for in, want := range map[string]string{`"x"`: "x", `"\u00e9\n"`: "é\n", `12`: "12", `null`: "", `""`: "", `"\q"`: `\q`} {
		if got := string(Text([]byte(in))); got != want {
			t.Errorf("%s: %q, want %q", in, got, want)
		}
	}
}

// FuzzObject holds the scanner against encoding/json: whatever that takes for
// an object, the scanner takes apart into the same members.
func FuzzObject(f *testing.F) {
	f.Add([]byte(`{"ts":1.5,"id.orig_h":"10.0.0.1","tags":["a","b"],"x":{"y":null}}`))
	f.Add([]byte(`{"a":"\\\"","b":[{},[]],"a":2}`))
	f.Add([]byte(`{"event_type":"flow","flow":{"pkts_toserver":12}} `))
	f.Fuzz(func(t *testing.T, data []byte) {
		got, ok := members(data)
		var want map[string]json.RawMessage
		if json.Unmarshal(data, &want) != nil || want == nil {
			return
		}
		if !ok {
			t.Fatalf("%q is damaged to the scanner", data)
		}
		for k, v := range want {
			// encoding/json replaces bytes that are no UTF-8 in keys.
			if g, has := got[k]; has && g != string(v) {
				t.Fatalf("%q: member %q is %q, want %q", data, k, g, v)
			}
		}
		if len(got) < len(want) && !bytes.Contains(data, []byte{'\\'}) { // keys are compared as written
			t.Fatalf("%q: %d members, want %d", data, len(got), len(want))
		}
	})
}

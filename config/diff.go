// SPDX-License-Identifier: Apache-2.0

package config

import (
	"errors"
	"reflect"
)

// Diff lists the paths of the keys whose values differ in two structs of one
// type, in the order of its fields. It names secrets and does not show them.
func Diff(a, b any) ([]string, error) {
	left, err := structOf(a)
	if err != nil {
		return nil, err
	}
	right, err := structOf(b)
	if err != nil {
		return nil, err
	}
	if left.Type() != right.Type() {
		return nil, errors.New("config: only structs of one type can be compared")
	}
	var values []reflect.Value
	leaves(left, "", func(_ string, v reflect.Value, _ *field) { values = append(values, v) })
	var out []string
	leaves(right, "", func(path string, v reflect.Value, _ *field) {
		if !same(values[0], v) {
			out = append(out, path)
		}
		values = values[1:]
	})
	return out, nil
}

// same compares two values; no list and an empty one are the same setting.
func same(a, b reflect.Value) bool {
	if k := a.Kind(); (k == reflect.Slice || k == reflect.Map) && a.Len() == 0 && b.Len() == 0 {
		return true
	}
	return reflect.DeepEqual(a.Interface(), b.Interface())
}

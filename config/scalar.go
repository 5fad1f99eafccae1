// SPDX-License-Identifier: Apache-2.0

package config

import (
	"encoding"
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// isScalar reports whether a value of type t is written as one word.
func isScalar(t reflect.Type) bool {
	if reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()) {
		return true
	}
	switch t.Kind() {
	case reflect.String:
		return true
	default:
		return isNumberOrBool(t) || t == reflect.TypeFor[time.Duration]()
	}
}

func isNumberOrBool(t reflect.Type) bool {
	if t == reflect.TypeFor[time.Duration]() {
		return false
	}
	switch t.Kind() {
	case reflect.Bool, reflect.Float32, reflect.Float64,
		reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return true
	default:
		return false
	}
}

// typeName names a type as operators know it.
func typeName(t reflect.Type) string {
	switch t {
	case reflect.TypeFor[time.Duration]():
		return "duration"
	case reflect.TypeFor[netip.Prefix]():
		return "network"
	case reflect.TypeFor[netip.Addr]():
		return "address"
	case reflect.TypeFor[time.Time]():
		return "time"
	}
	switch t.Kind() {
	case reflect.Pointer:
		return typeName(t.Elem())
	case reflect.Slice:
		if !isScalar(t) {
			return "list of " + plural(typeName(t.Elem()))
		}
	case reflect.Map:
		return "section of " + plural(typeName(t.Elem()))
	case reflect.Struct:
		if !isScalar(t) {
			return "section"
		}
	case reflect.Bool:
		return "true or false"
	case reflect.Float32, reflect.Float64:
		return "number"
	default:
		if isNumberOrBool(t) {
			return "whole number"
		}
	}
	return "text"
}

func plural(name string) string {
	switch {
	case strings.HasSuffix(name, "s"):
		return name + "es"
	case name == "text", name == "true or false", strings.Contains(name, " of "):
		return name
	}
	return name + "s"
}

// setText sets v from one word. The error continues a sentence that began with
// the key.
func setText(v reflect.Value, text string) error {
	if u, ok := reflect.TypeAssert[encoding.TextUnmarshaler](v.Addr()); ok {
		if err := u.UnmarshalText([]byte(text)); err != nil {
			return fmt.Errorf("is no valid %s", typeName(v.Type()))
		}
		if text == "" {
			return errors.New("must not be empty")
		}
		return nil
	}
	if v.Type() == reflect.TypeFor[time.Duration]() {
		d, err := time.ParseDuration(text)
		if err != nil {
			return errors.New("must be a duration with its unit, such as 30s, 5m or 1h30m")
		}
		v.SetInt(int64(d))
		return nil
	}
	plain := strings.ReplaceAll(text, "_", "") // 1_000_000 reads well
	var err error
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
	case reflect.Bool:
		if text != "true" && text != "false" {
			return errors.New("must be true or false")
		}
		v.SetBool(text == "true")
	case reflect.Float32, reflect.Float64:
		var f float64
		f, err = strconv.ParseFloat(plain, v.Type().Bits())
		if err != nil || f != f || f-f != 0 { // neither a NaN nor an infinity is a setting
			return errors.New("must be a number")
		}
		v.SetFloat(f)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		var i int64
		if i, err = strconv.ParseInt(plain, 10, v.Type().Bits()); err == nil {
			v.SetInt(i)
		}
	default:
		var u uint64
		if u, err = strconv.ParseUint(plain, 10, v.Type().Bits()); err == nil {
			v.SetUint(u)
		}
	}
	if err != nil {
		return fmt.Errorf("must be a whole number%s", limits(v.Type()))
	}
	return nil
}

// limits names the range of a small or unsigned type.
func limits(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Uint8, reflect.Uint16, reflect.Uint32:
		return fmt.Sprintf(" from 0 to %d", uint64(1)<<t.Bits()-1)
	case reflect.Uint, reflect.Uint64:
		return " not below 0"
	default:
		return ""
	}
}

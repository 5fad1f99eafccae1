// SPDX-License-Identifier: Apache-2.0

package api

import (
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// worded changes what the router says of a request that fits no schema. Whoever asks may
// write the answer into a log, so that no password is repeated in it, and neither is a body
// as a whole. A time is asked for in words instead of Go's layout.
func worded(_ huma.Context, _ string, v any) (any, error) {
	e, ok := v.(*huma.ErrorModel)
	if !ok {
		return v, nil
	}
	for _, d := range e.Errors {
		if strings.HasPrefix(d.Message, "invalid date/time") {
			d.Message = "no time; write 2026-01-31T15:04:05Z, and in a query the + of a zone as %2B"
		}
		if d.Location == "body" || secret(d.Location) {
			d.Value = nil
		}
		switch d.Value.(type) {
		case map[string]any, []any, map[any]any: // the message says where in it
			d.Value = nil
		}
	}
	return e, nil
}

// secret reports whether something stands where passwords and keys do.
func secret(location string) bool {
	switch location {
	case "body.password", "body.old", "body.new", "body.key":
		return true
	}
	return false
}

// SPDX-License-Identifier: Apache-2.0

package api

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// Conditional is asked by whoever has an earlier answer.
type Conditional struct {
	IfNoneMatch []string `header:"If-None-Match" doc:"ETag of earlier answers: 304 without a body when one still holds"`
}

// tag is the entity tag of an answer. The error is 304 when the client has that answer
// already. It is made of the answer itself: nothing that changes can be forgotten in it.
func (c *Conditional) tag(body any) (string, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return "", fmt.Errorf("write the answer as JSON: %w", err)
	}
	sum := sha256.Sum256(text)
	tag := `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`
	for _, list := range c.IfNoneMatch {
		for one := range strings.SplitSeq(list, ",") {
			one = strings.TrimSpace(one)
			if one == "*" || strings.TrimPrefix(one, "W/") == tag {
				return tag, huma.ErrorWithHeaders(huma.Status304NotModified(), http.Header{"Etag": {tag}})
			}
		}
	}
	return tag, nil
}

// conditional documents the answer without a body.
func conditional(o *huma.Operation) {
	if o.Responses == nil {
		o.Responses = map[string]*huma.Response{}
	}
	o.Responses["304"] = &huma.Response{
		Description: "The earlier answer still holds",
		Headers:     map[string]*huma.Param{"ETag": {Schema: &huma.Schema{Type: huma.TypeString}}},
	}
}

// SPDX-License-Identifier: Apache-2.0

package ask

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"tidewatch/query"
)

// errEnough ends an export.
var errEnough = errors.New("enough")

// cursor writes the place of a flow; what is listed next lies behind it.
func (p *position) cursor() string {
	return base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "%d,%d,%d,%s", p.received, p.group, p.row, p.segment))
}

func parseCursor(text string) (*position, error) {
	if text == "" {
		return nil, nil //nolint:nilnil // no cursor is no position
	}
	plain, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(plain) > 512 {
		return nil, query.ErrBadCursor
	}
	parts := strings.SplitN(string(plain), ",", 4)
	if len(parts) != 4 {
		return nil, query.ErrBadCursor
	}
	var n [3]int64
	for i := range n {
		if n[i], err = strconv.ParseInt(parts[i], 10, 64); err != nil || n[i] < 0 || n[i] == 1<<63-1 {
			return nil, query.ErrBadCursor
		}
	}
	return &position{received: n[0], place: place{parts[3], int(n[1])}, row: int(n[2])}, nil
}

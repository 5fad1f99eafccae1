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

// cursor is where a page ended. Segments are joined while somebody turns pages, so it
// names no place in a file: flows of one moment keep their order, and of the last one it
// counts those that were listed.
type cursor struct {
	received int64
	listed   int
}

func (c *cursor) text() string {
	return base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "%d,%d", c.received, c.listed))
}

func parseCursor(text string) (*cursor, error) {
	if text == "" {
		return nil, nil //nolint:nilnil // no cursor is no position
	}
	plain, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(plain) > 64 {
		return nil, query.ErrBadCursor
	}
	received, listed, ok := strings.Cut(string(plain), ",")
	c := &cursor{}
	var err1, err2 error
	c.received, err1 = strconv.ParseInt(received, 10, 64)
	c.listed, err2 = strconv.Atoi(listed)
	if !ok || err1 != nil || err2 != nil || c.received < 0 || c.received == 1<<63-1 || c.listed < 0 || c.listed > 1<<30 {
		return nil, query.ErrBadCursor
	}
	return c, nil
}

// SPDX-License-Identifier: Apache-2.0

package notifytest

import (
	"log/slog"
	"net/http"
)

// Quiet makes a test server keep its complaints about handshakes, which are expected.
func Quiet(s *http.Server) {
	s.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
}

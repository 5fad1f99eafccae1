// SPDX-License-Identifier: Apache-2.0

package account

import "time"

// Session is somebody who signed in with a browser.
type Session struct {
	Hash    Hash // of its secret, which only the browser has
	User    string
	Created time.Time
	Seen    time.Time // when it was last used, to the minute
}

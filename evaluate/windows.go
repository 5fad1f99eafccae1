// SPDX-License-Identifier: Apache-2.0

package evaluate

import "time"

// Span is a stretch of time, both ends included.
type Span struct{ From, To time.Time }

// Windows are the windows around the anomalies of series, by path.
type Windows map[string][]Span

// SPDX-License-Identifier: Apache-2.0

// Package outbound speaks to other people's servers and programs: HTTP that tells no
// secret and follows no redirect, signed webhooks, errors that say whether trying again
// can help, and what they answered as text that is safe to quote.
package outbound

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

const (
	maxAnswer = 64 << 10 // bytes that are read of an answer
	maxQuoted = 120      // runes of it that an error quotes
)

// Post sends a body and returns what was answered, at most 64 KiB of it. An answer
// other than 2xx is an error that says by FromStatus whether a retry can help. Errors
// name the host and never the rest of the address, which may be a secret.
func Post(ctx context.Context, client *http.Client, target string, header http.Header, body []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, target, bytes.NewReader(body))
	if err != nil {
		return nil, Permanent(errors.New("the address cannot be read"))
	}
	maps.Copy(req.Header, header)
	resp, err := client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("reach %s: %w", req.URL.Host, bare(err))
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return nil, fmt.Errorf("read the answer of %s: %w", req.URL.Host, bare(err))
	}
	if resp.StatusCode/100 != 2 {
		return answer, FromStatus(resp, answer)
	}
	return answer, nil
}

// FromStatus is the error of an answer other than 2xx: 408, 425, 429 and 5xx may pass,
// Retry-After is obeyed, everything else is permanent.
func FromStatus(resp *http.Response, answer []byte) error {
	err := fmt.Errorf("%s answered %s%s", resp.Request.URL.Host, resp.Status, quote(answer))
	code := resp.StatusCode
	if code != http.StatusRequestTimeout && code != http.StatusTooEarly && code != http.StatusTooManyRequests && code < 500 {
		return Permanent(err)
	}
	if wait := retryAfter(resp.Header.Get("Retry-After"), resp.Header.Get("Date")); wait > 0 {
		return After(err, wait)
	}
	return err
}

// retryAfter reads seconds or a date (RFC 9110, 10.2.3), which counts from the other
// side's own clock.
func retryAfter(value, date string) time.Duration {
	if s, err := strconv.ParseFloat(value, 64); err == nil {
		if s > 0 && s < 1e6 {
			return time.Duration(s * float64(time.Second))
		}
		return 0
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	now, err := http.ParseTime(date)
	if err != nil {
		return 0
	}
	return at.Sub(now)
}

// bare takes the address out of an error of net/http.
func bare(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err
	}
	return err
}

// quote shows the printable beginning of an answer.
func quote(answer []byte) string {
	text := Cut(Line(string(answer)), maxQuoted)
	if text == "" {
		return ""
	}
	return ": " + text
}

// SPDX-License-Identifier: Apache-2.0

package triage

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"
)

// MaxBody is the largest answer that is read, in bytes. The longest that makes sense
// has a hundredth of it.
const MaxBody = 2 << 20

var errTooLarge = errors.New("the answer is too large")

// NewClient is an HTTP client for adapters: it reads no more than MaxBody of an answer
// and follows no redirect, which would carry the key to somebody else. transport nil is
// the usual one.
func NewClient(transport http.RoundTripper) *http.Client {
	if transport == nil {
		transport = http.DefaultTransport
	}
	return &http.Client{
		Transport: bounded{transport},
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		},
	}
}

// bounded bounds what is read of answers.
type bounded struct{ next http.RoundTripper }

func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := b.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	resp.Body = &bodyReader{resp.Body, MaxBody}
	return resp, nil
}

type bodyReader struct {
	io.ReadCloser

	left int
}

func (b *bodyReader) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errTooLarge
	}
	n, err := b.ReadCloser.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}

// FromStatus is the failure of a status other than 200.
func FromStatus(status int, h http.Header) *FailedError {
	f := Fail(Rejected, "status "+strconv.Itoa(status))
	switch {
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		f.Reason = Unauthorized
	case status == http.StatusTooManyRequests:
		f.Reason = RateLimited
	case status == http.StatusRequestTimeout || status >= 500:
		f.Reason = Overloaded
	}
	f.Wait = RetryAfter(h)
	return f
}

// RetryAfter is how long the other side asks to wait, at most a day; 0 when it does not
// say. Dates are not read: no service of these uses them.
func RetryAfter(h http.Header) time.Duration {
	s, err := strconv.ParseFloat(h.Get("Retry-After"), 64)
	if err != nil || !(s > 0) {
		return 0
	}
	return time.Duration(min(s, (24*time.Hour).Seconds()) * float64(time.Second))
}

// FromTransport is the failure of a request that got no answer, or not all of it.
func FromTransport(ctx context.Context, err error) *FailedError {
	var timeout net.Error
	switch {
	case errors.Is(err, errTooLarge):
		return Fail(TooLarge, "")
	case ctx.Err() != nil, errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return Fail(Timeout, "")
	}
	return Fail(Unreachable, "")
}

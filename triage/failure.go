// SPDX-License-Identifier: Apache-2.0

package triage

import "time"

// Reason says why there is no answer. It is a label of metrics: a closed set.
type Reason string

// The reasons.
const (
	Timeout      Reason = "timeout"      // no answer in time
	Unreachable  Reason = "unreachable"  // no connection, or it broke
	RateLimited  Reason = "rate_limited" // 429, also after trying again
	Overloaded   Reason = "overloaded"   // 5xx, also after trying again
	Unauthorized Reason = "unauthorized" // 401 or 403
	Rejected     Reason = "rejected"     // any other status: a wrong model name, a request that it does not take
	TooLarge     Reason = "too_large"    // more than any answer needs
	Malformed    Reason = "malformed"    // not what the API promises, or no JSON
	Invalid      Reason = "invalid"      // JSON that does not fit the schema
	Truncated    Reason = "truncated"    // cut at the limit of tokens
	Refused      Reason = "refused"      // the model does not want to
	Rounds       Reason = "rounds"       // it asked for ever more
	Budget       Reason = "budget"       // tokens or money of the incident or of the day are spent
	Lookup       Reason = "lookup"       // what is known around the incident could not be read
)

// reasons are all of them.
func reasons() [14]Reason {
	return [...]Reason{
		Timeout, Unreachable, RateLimited, Overloaded, Unauthorized, Rejected, TooLarge, Malformed, Invalid, Truncated, Refused, Rounds,
		Budget, Lookup,
	}
}

// FailedError says why there is no answer. It holds no secret and nothing of what the
// other side wrote.
type FailedError struct {
	Reason Reason
	Detail string // ours, such as the field that does not fit; may be empty
	Wait   time.Duration
}

// Fail is a failure with what there is to say of it.
func Fail(r Reason, detail string) *FailedError { return &FailedError{Reason: r, Detail: detail} }

func (e *FailedError) Error() string {
	s := e.Reason.text()
	if e.Detail != "" {
		s += ": " + e.Detail
	}
	return s
}

// passes reports whether asking again later may go better although the incident is the
// same.
func (r Reason) passes() bool {
	switch r {
	case Timeout, Unreachable, RateLimited, Overloaded, Unauthorized, Budget, Lookup, TooLarge, Malformed:
		return true
	case Rejected, Invalid, Truncated, Refused, Rounds:
	}
	return false
}

// text is the reason in plain words, as it stands in an assessment's error.
func (r Reason) text() string {
	switch r {
	case Timeout:
		return "the model did not answer in time"
	case Unreachable:
		return "the model cannot be reached, or the connection broke"
	case RateLimited:
		return "the model's service takes no more questions for now"
	case Overloaded:
		return "the model's service is overloaded or out of order"
	case Unauthorized:
		return "the model's service does not accept the key"
	case Rejected:
		return "the model's service does not take the question"
	case TooLarge:
		return "the model's answer is larger than any that makes sense"
	case Malformed:
		return "the model's answer cannot be read"
	case Invalid:
		return "the model's answer does not have the agreed form"
	case Truncated:
		return "the model's answer was cut at the limit of its length"
	case Refused:
		return "the model refused to answer"
	case Rounds:
		return "the model asked for more and more and never answered"
	case Budget:
		return "the budget for questions is spent"
	case Lookup:
		return "what is known around the incident could not be read"
	}
	return "no answer"
}

// SPDX-License-Identifier: Apache-2.0

// Package llm is a server that speaks the HTTP protocols of Anthropic's Messages API and
// of OpenAI's chat completions, and plays a script: answers, calls of tools, and all that
// goes wrong with such services. It checks what it is asked as the real ones do, and
// records it.
package llm

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// Key is what the server lets in.
const Key = "sk-test-0123456789abcdef"

// Step is what happens to one request.
type Step struct {
	Say        string // the text of the answer
	Calls      []Call // or tools that are called
	Think      func(*Request) Step
	Status     int           // an error of this status
	RetryAfter string        // with it
	Slow       time.Duration // before anything is written
	Garbage    bool          // what is written is no JSON
	Cut        bool          // the connection breaks in the middle
	Huge       bool          // the answer never ends
	Refuse     bool
	Truncate   bool
	NoUsage    bool // tokens are not counted
}

// Call is a call of a tool.
type Call struct {
	Name      string
	Arguments string // JSON
}

// Request is one request as it was understood.
type Request struct {
	Dialect string // anthropic or openai
	Key     string
	Body    []byte // as it came
	System  string
	Turns   []Turn
	Tools   []string // that may be called
	Schema  bool     // the answer is bound to one
	Answer  Step     // what happened to it
}

// Turn is one message of a conversation.
type Turn struct {
	Who   string // user, assistant, tool
	Text  string
	Calls []Call
}

// Heard is everything that a model was told, beside the system's text.
func (r *Request) Heard() string {
	var b strings.Builder
	for i := range r.Turns {
		if r.Turns[i].Who != "assistant" {
			b.WriteString(r.Turns[i].Text + "\n")
		}
	}
	return b.String()
}

// Server plays a script: a step for each request, the last one again and again.
type Server struct {
	URL string

	mu       sync.Mutex
	steps    []Step
	requests []Request
	faults   []string
}

// Start serves until the test ends.
func Start(tb testing.TB, steps ...Step) *Server {
	tb.Helper()
	s := &Server{steps: steps}
	server := httptest.NewServer(s)
	s.URL = server.URL
	tb.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
		for _, f := range s.faults {
			tb.Errorf("the service was asked in a way that it does not take: %s", f)
		}
	})
	return s
}

// Requests are those that came so far, failed ones included.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Request{}, s.requests...)
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	d := dialects()[r.URL.Path]
	if d == nil || r.Method != http.MethodPost {
		http.NotFound(w, r)
		return
	}
	var body json.RawMessage
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		s.fault("no JSON: " + err.Error())
		d.fail(w, http.StatusBadRequest)
		return
	}
	in, err := d.read(r.Header, body)
	in.Body = body
	if err != nil {
		s.fault(err.Error())
		d.fail(w, http.StatusBadRequest)
		return
	}
	if in.Key != Key && in.Key != "" {
		d.fail(w, http.StatusUnauthorized)
		return
	}
	step := s.next(in)
	play(w, r, d, &step)
}

func (s *Server) fault(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, text)
}

func (s *Server) next(in *Request) Step {
	s.mu.Lock()
	defer s.mu.Unlock()
	step := s.steps[min(len(s.requests), len(s.steps)-1)]
	if step.Think != nil {
		step = step.Think(in)
	}
	in.Answer = step
	s.requests = append(s.requests, *in)
	return step
}

// play does what a step says.
func play(w http.ResponseWriter, r *http.Request, d dialect, step *Step) {
	if step.Slow > 0 {
		select {
		case <-r.Context().Done():
			return
		case <-time.After(step.Slow):
		}
	}
	switch {
	case step.Status != 0:
		if step.RetryAfter != "" {
			w.Header().Set("Retry-After", step.RetryAfter)
		}
		d.fail(w, step.Status)
		return
	case step.Garbage:
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"content": [{"type": "te`))
		return
	case step.Huge:
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"padding": "`))
		piece := []byte(strings.Repeat("x", 64<<10))
		for range 200 { // 12 MiB
			if _, err := w.Write(piece); err != nil {
				return
			}
		}
		return
	}
	text := d.write(step)
	w.Header().Set("Content-Type", "application/json")
	if step.Cut {
		w.Header().Set("Content-Length", "100000")
		_, _ = w.Write(text[:len(text)/2]) //nolint:gosec // no browser reads it
		panic(http.ErrAbortHandler)
	}
	_, _ = w.Write(text) //nolint:gosec // no browser reads it
}

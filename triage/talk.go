// SPDX-License-Identifier: Apache-2.0

package triage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"tidewatch/incident"
)

// maxCalls is how many tools are used in one round; more get an error in place of a
// result.
const maxCalls = 4

// talk is one conversation about one incident.
type talk struct {
	c     *Counsel
	id    string
	box   *toolbox
	turn  []Turn
	begun bool
}

// judge asks until there is an answer. Its error is a *FailedError.
func (t *talk) judge(ctx context.Context, evidence []byte) (*incident.Assessment, error) {
	t.turn = []Turn{{Text: fmt.Sprintf(question(), evidence)}}
	last := !t.c.cfg.Tools
	for round := 1; round <= t.c.cfg.Rounds; round++ {
		last = last || round == t.c.cfg.Rounds
		reply, err := t.ask(ctx, last)
		if err != nil {
			return nil, err
		}
		switch {
		case len(reply.Calls) > 0 && last:
			return nil, Fail(Rounds, "")
		case len(reply.Calls) > 0:
			t.turn = append(t.turn, Turn{Reply: reply}, Turn{Results: t.use(ctx, reply.Calls)})
		case reply.Draft && !last:
			last = true // it has seen enough; now the answer is bound to the schema
		default:
			return readAnswer(reply.Text, t.c.model.Name())
		}
	}
	return nil, Fail(Rounds, "")
}

// ask sends one question within the budgets.
func (t *talk) ask(ctx context.Context, last bool) (*Reply, error) {
	cfg := t.c.cfg
	r := &Request{System: system(), Turns: t.turn, Answer: AnswerSchema(), MaxTokens: cfg.AnswerSize, NoTools: last}
	if cfg.Tools && (!last || len(t.turn) > 1) {
		r.Tools = Tools()
	}
	aside := Usage{r.atMost(), cfg.AnswerSize}
	if err := t.c.purse.take(t.id, aside, time.Now()); err != nil {
		return nil, err
	}
	if !t.begun {
		t.begun = true
		t.c.metrics.asked.Inc()
	}
	reply, err := t.c.model.Ask(ctx, r)
	used := aside // who did not tell may have worked for us
	switch {
	case reply != nil:
		used = reply.Usage.sane(aside)
	case free(err):
		used = Usage{}
	}
	t.c.metrics.spend(used, cfg.cost(used))
	if err := t.c.purse.settle(t.id, aside, used, time.Now()); err != nil {
		t.c.log.Error("what models have cost today is not saved; a restart would forget it", "error", err)
	}
	return reply, err
}

// atMost is how many tokens a request has at most. English has four bytes a token and
// numbers two.
func (r *Request) atMost() int64 {
	n := len(r.System)
	for i := range r.Turns {
		t := &r.Turns[i]
		n += len(t.Text)
		for k := range t.Results {
			n += len(t.Results[k].Text)
		}
		if t.Reply != nil {
			n += len(t.Reply.Text)
			for k := range t.Reply.Calls {
				n += len(t.Reply.Calls[k].Arguments)
			}
		}
	}
	for _, s := range append([]Tool{{Arguments: r.Answer}}, r.Tools...) {
		if text, err := json.Marshal(s.Arguments.Wire()); err == nil {
			n += len(text) + len(s.Doc)
		}
	}
	return int64(n)/2 + 500 // what the service puts around it
}

// sane is a usage that can be: a server that counts nothing, or nonsense, is taken to
// have used what was set aside.
func (u Usage) sane(aside Usage) Usage {
	const absurd = 1e8
	if u.Input <= 0 || u.Output < 0 || u.Input > absurd || u.Output > absurd {
		return aside
	}
	return u
}

// free reports whether a failed question cost nothing: it was turned away.
func free(err error) bool {
	f, ok := errors.AsType[*FailedError](err)
	if !ok {
		return false
	}
	switch f.Reason {
	case RateLimited, Overloaded, Unauthorized, Rejected:
		return true
	default:
		return false
	}
}

func (t *talk) use(ctx context.Context, calls []Call) []Result {
	out := make([]Result, 0, len(calls))
	for i := range calls {
		if i >= maxCalls {
			out = append(out, Result{ID: calls[i].ID, Text: "too many calls at once; ask again", Failed: true})
			continue
		}
		for _, known := range Tools() { // a label from the wire is not taken
			if known.Name == calls[i].Name {
				t.c.metrics.tools.WithLabelValues(known.Name).Inc()
			}
		}
		out = append(out, t.box.use(ctx, &calls[i]))
	}
	return out
}

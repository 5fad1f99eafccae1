// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"
	"time"

	"tidewatch/encode"
	"tidewatch/flow"
	"tidewatch/scenario"
)

// SimulateOptions are what simulate is told on the command line.
type SimulateOptions struct {
	Scenario string
	Config   scenario.Config
	Encode   encode.Config
	Target   string  // host:port of the collector
	Speed    float64 // 1 = real time; 10 = ten times as fast; 0 = as fast as it goes
	Progress func(at time.Time, records uint64)
}

// Simulated tells what was sent.
type Simulated struct {
	Truth     []scenario.Truth `json:"truth"`
	Start     time.Time        `json:"start"`
	Records   uint64           `json:"records"`
	Datagrams uint64           `json:"datagrams"`
	Packets   uint64           `json:"packets"`
	Bytes     uint64           `json:"bytes"`
	Refused   uint64           `json:"refused"` // datagrams that nobody was there to receive
}

// Simulate sends a scenario as flow exports until it is over or ctx ends, and
// returns its ground truth.
func Simulate(ctx context.Context, o *SimulateOptions) (*Simulated, error) {
	s, err := scenario.New(o.Scenario, o.Config)
	if err != nil {
		return nil, &InputError{err}
	}
	enc, err := encode.New(o.Encode)
	if err != nil {
		return nil, &InputError{err}
	}
	var d net.Dialer
	conn, err := d.DialContext(ctx, "udp", o.Target)
	if err != nil {
		return nil, &InputError{fmt.Errorf("send to %s: %w", o.Target, err)}
	}
	defer func() { _ = conn.Close() }()
	out := &Simulated{Truth: s.Truth(), Start: o.Config.Start}
	send := func(p []byte) error {
		out.Datagrams++
		_, err := conn.Write(p)
		if errors.Is(err, syscall.ECONNREFUSED) { // the datagram before this one met a closed port
			out.Refused++
			return nil
		}
		return err
	}
	begin := o.begin(time.Now())
	b := flow.NewBatch(4096)
	for ctx.Err() == nil {
		b.Reset()
		if !s.Next(b) && b.Len() == 0 {
			return out, nil
		}
		if b.Len() == 0 {
			continue
		}
		at := time.Unix(0, b.Received[b.Len()-1])
		if o.Speed > 0 && !pace(ctx, begin.Add(time.Duration(float64(at.Sub(o.Config.Start))/o.Speed))) {
			break
		}
		if err := (&sender{enc: enc, speed: o.Speed, send: send}).second(ctx, b, at); err != nil {
			return out, fmt.Errorf("send to %s: %w", o.Target, err)
		}
		out.Records += uint64(b.Len())
		for i := range b.Packets {
			out.Packets += b.Packets[i]
			out.Bytes += b.Bytes[i]
		}
		if o.Progress != nil {
			o.Progress(at, out.Records)
		}
	}
	return out, ctx.Err()
}

// setOff is how long after its start a scenario may still be caught up with.
const setOff = time.Minute

// begin is the moment that the scenario's start stands for. A scenario of now runs by
// the machine's clock, as an exporter's does: on a busy machine some seconds can pass
// between its start and the first datagram, and if all the others were late by as much,
// collectors would take that for a clock that is behind. Any other begins when it is sent.
func (o *SimulateOptions) begin(now time.Time) time.Time {
	if late := now.Sub(o.Config.Start); late >= 0 && late < setOff {
		return o.Config.Start
	}
	return now
}

// pace waits until t; false when ctx ended first.
func pace(ctx context.Context, t time.Time) bool {
	wait := time.Until(t)
	if wait <= 0 {
		return true
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// stride is how many records go out at once; between strides a paced sender
// yields, because a burst of a whole busy second would overrun a collector's
// socket buffer, which no router does.
const stride = 2048

// sender exports a scenario at a pace.
type sender struct {
	enc   *encode.Encoder
	speed float64
	send  func([]byte) error
}

// second sends one second of a scenario, exported at at.
func (s *sender) second(ctx context.Context, b *flow.Batch, at time.Time) error {
	n := b.Len()
	begin := time.Now()
	for from := 0; from < n && ctx.Err() == nil; from += stride {
		to := min(from+stride, n)
		if err := s.enc.Encode(b, from, to, at, s.send); err != nil {
			return err
		}
		if s.speed > 0 && to < n { // spread the second over nine tenths of itself
			pace(ctx, begin.Add(time.Duration(float64(900*time.Millisecond)*float64(to)/float64(n)/s.speed)))
		}
	}
	return nil
}

// SimulateFlags are the command line's view of SimulateOptions.
type SimulateFlags struct {
	Scenario, Target, Protocol    string
	Sampling                      uint32
	Seed                          uint64
	Duration, AttackAt, AttackFor time.Duration
	Scale, Speed                  float64
	Inject                        []string
}

// calm is how long ordinary traffic goes on after the attack, so that its end is seen.
const calm = 90 * time.Second

// Options fills in what follows from the flags, for a scenario that starts now.
func (f *SimulateFlags) Options(now time.Time) *SimulateOptions {
	o := &SimulateOptions{Scenario: f.Scenario, Target: f.Target, Speed: f.Speed, Encode: encode.DefaultConfig()}
	o.Config = scenario.Config{
		Seed: f.Seed, Start: now, Duration: f.Duration, AttackAt: f.AttackAt, AttackFor: f.AttackFor, Scale: f.Scale, Inject: f.Inject,
	}
	if f.Duration == 0 {
		o.Config.Duration = f.AttackAt + f.AttackFor + calm
	}
	o.Encode.Protocol, o.Encode.Sampling = encode.Protocol(f.Protocol), f.Sampling
	return o
}

// ScenarioList has a line for each scenario: its name and what it is.
func ScenarioList() []string {
	all := scenario.Names()
	out := make([]string, 0, len(all))
	for _, n := range all {
		out = append(out, fmt.Sprintf("%-20s %s", n.Name, n.Description))
	}
	return out
}

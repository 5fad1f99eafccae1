// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"tidewatch/account"
	"tidewatch/scenario"
	"tidewatch/schedule"
)

// DemoOptions are what demo is told on the command line.
type DemoOptions struct {
	Data     string // folder to keep everything in; "": one of its own, removed at the end
	Seed     uint64
	Port     int // of the API; negative: the usual one, or a free one when that is taken
	FlowPort int // likewise of the collector
	Quiet    bool
	Version  string
	Out      io.Writer // the story
	Progress func(at time.Time, day, of int)
}

// The usual ports.
const (
	usualPort     = 8080
	usualFlowPort = 2055
)

// demo is one show: a network that does not exist, and a server that does not know.
type demo struct {
	o     *DemoOptions
	cfg   *Config
	story *narrator
}

// Demo learns a month of a simulated network, then serves while the network's exporters
// send what happens next, until ctx ends.
func Demo(ctx context.Context, o *DemoOptions) (err error) {
	dir, remove, err := demoDir(o.Data)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, remove()) }()
	cfg := demoConfig(dir, time.Now())
	if cfg.API.Listen, err = choosePort(ctx, "tcp", o.Port, usualPort); err != nil {
		return err
	}
	listen, err := choosePort(ctx, "udp", o.FlowPort, usualFlowPort)
	if err != nil {
		return err
	}
	cfg.Collect.Listen = []string{listen}
	d := &demo{o: o, cfg: cfg, story: &narrator{w: o.Out, quiet: o.Quiet, began: time.Now()}}
	if err := d.learn(ctx); err != nil {
		return err
	}
	return d.show(ctx)
}

// demoDir is the folder, and what is to be done with it in the end.
func demoDir(named string) (dir string, remove func() error, err error) {
	if named == "" {
		dir, err = os.MkdirTemp("", "tidewatch-demo-")
		return dir, func() error { return os.RemoveAll(dir) }, err
	}
	entries, err := os.ReadDir(named)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", nil, &InputError{err}
	}
	if len(entries) > 0 {
		return "", nil, &InputError{fmt.Errorf("%s is not empty; the demo makes a past of its own and wants a new folder", named)}
	}
	return named, func() error { return nil }, nil
}

// choosePort is the address on loopback to listen on: of the port that was named, else of
// the usual one, else of any that is free.
func choosePort(ctx context.Context, network string, named, usual int) (string, error) {
	const host = "127.0.0.1"
	if named > 65535 {
		return "", &InputError{fmt.Errorf("%d is no port", named)}
	}
	if named >= 0 {
		return net.JoinHostPort(host, strconv.Itoa(named)), nil
	}
	at := net.JoinHostPort(host, strconv.Itoa(usual))
	var lc net.ListenConfig
	var c io.Closer
	var err error
	if network == "udp" {
		c, err = lc.ListenPacket(ctx, network, at)
	} else {
		c, err = lc.Listen(ctx, network, at)
	}
	if err != nil {
		return net.JoinHostPort(host, "0"), nil //nolint:nilerr // it is taken, or not for us
	}
	return at, c.Close()
}

// learn plays the month. While it is learned time goes on, so it ends when it has caught
// up with the clock.
func (d *demo) learn(ctx context.Context) error {
	begin := time.Now().Truncate(time.Second)
	d.story.opens()
	start := begin.AddDate(0, 0, -demoDays)
	s, err := scenario.New("office", demoNetwork(d.o.Seed, d.cfg.zone(), start, (demoDays+1)*24*time.Hour))
	if err != nil {
		return err
	}
	d.cfg.own(s.Internal())
	l := &lecture{cfg: d.cfg, scenario: s, until: time.Now, progress: func(at time.Time) {
		if d.o.Progress != nil {
			d.o.Progress(at, int(at.Sub(start)/(24*time.Hour)), demoDays)
		}
	}}
	if err := l.teach(ctx); err != nil {
		return fmt.Errorf("learn a month of the simulated network: %w", err)
	}
	d.story.learned(time.Since(begin))
	return nil
}

// show serves, and has the network send.
func (d *demo) show(ctx context.Context) (err error) {
	log, err := os.OpenFile(filepath.Join(d.cfg.DataDir, "tidewatch.log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, log.Close()) }()
	start := time.Now().Truncate(time.Second).Add(time.Second)
	d.cfg.Schedule.Events = []schedule.Event{demoCampaign(start)}
	if err := d.cfg.chosenBy("tidewatch demo"); err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	listening, served := make(chan *Server, 1), make(chan error, 1)
	go func() {
		served <- Serve(ctx, d.cfg, &ServeOptions{Log: log, Version: d.o.Version, Ready: func(s *Server) { listening <- s }})
	}()
	select {
	case s := <-listening:
		err = d.play(ctx, s, start)
		stop()
		return errors.Join(err, <-served)
	case err := <-served:
		return err
	}
}

// play sends what happens, and tells of it and of what the server says.
func (d *demo) play(ctx context.Context, s *Server, start time.Time) error {
	exporters := demoExporters()
	defer func() {
		for _, x := range exporters {
			if x.conn != nil {
				_ = x.conn.Close()
			}
		}
	}()
	for _, x := range exporters {
		if err := x.open(ctx, s.Collector().Addrs()[0].String()); err != nil {
			return err
		}
	}
	secret, err := token(d.cfg, false)
	if err != nil {
		return err
	}
	server := &remote{base: "http://" + s.Addr(), token: secret}
	link, err := d.invite(ctx, s)
	if err != nil {
		return err
	}
	d.story.begins(d.cfg, server.base, link, s.Collector().Addrs()[0].Port())
	for ctx.Err() == nil {
		acts, err := demoActs(d.o.Seed, d.cfg.zone(), start)
		if err != nil {
			return err
		}
		telling, enough := context.WithCancel(ctx)
		told := make(chan struct{})
		go func() {
			defer close(told)
			d.story.tell(telling, server, acts.Truth())
		}()
		err = replay(ctx, acts, exporters)
		enough()
		<-told
		if err != nil {
			return err
		}
		start = time.Now().Truncate(time.Second).Add(time.Second)
	}
	return nil
}

// demoUser is who looks at the demo, an administrator of this machine's own.
const demoUser = "demo"

// invite makes the account of who looks, unless an earlier demo did, and returns a link
// that signs in once; none without a dashboard. Nobody knows its password.
func (*demo) invite(ctx context.Context, s *Server) (link string, err error) {
	_, err = s.Accounts().AddUser(ctx, account.Administrator, demoUser, account.Admin, rand.Text())
	if err != nil && !errors.Is(err, account.ErrExists) {
		return "", fmt.Errorf("make an account: %w", err)
	}
	if !s.hasPages {
		return "", nil
	}
	if link, err = s.SignInLink(ctx, demoUser); err != nil {
		return "", fmt.Errorf("make a link that signs in: %w", err)
	}
	return link, nil
}

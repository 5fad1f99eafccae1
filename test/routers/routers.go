// SPDX-License-Identifier: Apache-2.0

// Package routers runs real routers for tests: BIRD, FRR and gobgpd, each in the
// foreground, on a loopback address and a port of its own, with its files in a folder of
// the test. They touch no route of the system and end with the test, also when it dies.
package routers

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Kind is a program.
type Kind string

// The programs. Debian's packages bird2, frr and gobgpd hold them.
const (
	Bird  Kind = "bird"
	FRR   Kind = "frr"
	GoBGP Kind = "gobgp"
)

// Kinds lists all.
func Kinds() []Kind { return []Kind{Bird, FRR, GoBGP} }

// ASN is the AS of every router.
const ASN = 64500

// Options say whom a router expects.
type Options struct {
	Neighbour    netip.Addr // address that the speaker under test connects from
	NeighbourASN uint32
	Address      netip.Addr // of the router; not set: 127.0.2.1 and so on by kind
	Password     string     // TCP MD5; empty: none
	HoldTime     int        // seconds that it offers; 0 = 90
}

// Router is one that runs.
type Router struct {
	Kind    Kind
	Address netip.Addr
	Port    uint16

	dir  string
	api  uint16 // port of gobgpd's API
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended
}

// Route is an entry of its tables of addresses.
type Route struct {
	Prefix      netip.Prefix
	Communities []string // "65535:666", "4200000000:1:2", sorted
}

// program is what a kind needs beside its files.
type program struct {
	path    string
	user    string // that it becomes when root starts it; empty: it stays
	args    func(r *Router) []string
	config  func(r *Router, o *Options) string
	routes  func(t *testing.T, r *Router) []Route
	rules   func(t *testing.T, r *Router) []string
	clients []string
}

func (k Kind) program() program {
	switch k {
	case Bird:
		return birdProgram()
	case FRR:
		return frrProgram()
	case GoBGP:
	}
	return gobgpProgram()
}

// Start runs a router and waits until it listens. It fails the test when the program is
// not installed.
func Start(t *testing.T, kind Kind, o Options) *Router {
	t.Helper()
	p := kind.program()
	for _, name := range append([]string{p.path}, p.clients...) {
		if _, err := exec.LookPath(name); err != nil {
			t.Fatalf("%s is needed: `make test` installs it (Debian packages bird2, frr, gobgpd)", name)
		}
	}
	if !o.Address.IsValid() {
		o.Address = netip.AddrFrom4([4]byte{127, 0, 2, byte(slices.Index(Kinds(), kind) + 1)})
	}
	if o.HoldTime == 0 {
		o.HoldTime = 90
	}
	dir, err := os.MkdirTemp("", "router") //nolint:usetesting // sockets have short paths, and FRR leaves root and could not enter the folder of the test
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	r := &Router{Kind: kind, Address: o.Address, Port: freePort(t, o.Address), api: freePort(t, o.Address), dir: dir, done: make(chan struct{})}
	if err := os.WriteFile(r.file("conf"), []byte(p.config(r, &o)), 0o600); err != nil {
		t.Fatal(err)
	}
	r.hand(t, p.user)
	r.start(t, &p)
	return r
}

// hand gives the files to the user that the program becomes.
func (r *Router) hand(t *testing.T, name string) {
	t.Helper()
	if name == "" || os.Geteuid() != 0 {
		return
	}
	u, err := user.Lookup(name)
	if err != nil {
		t.Fatal(err)
	}
	uid, errUID := strconv.Atoi(u.Uid)
	gid, errGID := strconv.Atoi(u.Gid)
	if err := errors.Join(errUID, errGID, os.Chown(r.dir, uid, gid), os.Chown(r.file("conf"), uid, gid)); err != nil {
		t.Fatal(err)
	}
}

// start starts the program, and has it killed when the test ends.
func (r *Router) start(t *testing.T, p *program) {
	t.Helper()
	log, err := os.Create(r.file("log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	r.cmd = exec.CommandContext(context.Background(), p.path, p.args(r)...) //nolint:gosec // one of three programs
	r.cmd.Dir, r.cmd.Stdout, r.cmd.Stderr = r.dir, log, log
	r.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // with the test, whatever becomes of it
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(r.done)
		_ = r.cmd.Wait() // it was killed, or the test finds out
	}()
	t.Cleanup(r.Stop)
	addr := net.JoinHostPort(r.Address.String(), strconv.Itoa(int(r.Port)))
	var dial net.Dialer
	for end := time.Now().Add(15 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if c, err := dial.DialContext(t.Context(), "tcp", addr); err == nil {
			_ = c.Close()
			return
		}
		select {
		case <-r.done:
			t.Fatalf("%s ended at once:\n%s", r.Kind, r.Log())
		default:
		}
	}
	t.Fatalf("%s does not listen on %s:\n%s", r.Kind, addr, r.Log())
}

// Stop kills the router.
func (r *Router) Stop() {
	_ = r.cmd.Process.Kill() // it may have ended
	<-r.done
}

// Log is what it has said.
func (r *Router) Log() string {
	text, _ := os.ReadFile(r.file("log")) // empty at worst
	return string(text)
}

// Routes are those of both versions of IP, sorted.
func (r *Router) Routes(t *testing.T) []Route {
	t.Helper()
	out := r.Kind.program().routes(t, r)
	for i := range out {
		slices.Sort(out[i].Communities)
	}
	slices.SortFunc(out, func(a, b Route) int { return strings.Compare(a.Prefix.String(), b.Prefix.String()) })
	return out
}

// FlowSpec are the rules of both versions with what is done, in the router's own words,
// sorted.
func (r *Router) FlowSpec(t *testing.T) []string {
	t.Helper()
	out := r.Kind.program().rules(t, r)
	slices.Sort(out)
	return out
}

func (r *Router) file(name string) string { return filepath.Join(r.dir, name) }

// ask runs a client of the router.
func (r *Router) ask(t *testing.T, name string, args ...string) []byte {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput() //nolint:gosec // clients of the three programs
	if err != nil {
		t.Fatalf("%s %v: %v\n%s\n%s", name, args, err, out, r.Log())
	}
	return out
}

func freePort(t *testing.T, a netip.Addr) uint16 {
	t.Helper()
	var c net.ListenConfig
	l, err := c.Listen(t.Context(), "tcp", net.JoinHostPort(a.String(), "0"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return netip.MustParseAddrPort(l.Addr().String()).Port()
}

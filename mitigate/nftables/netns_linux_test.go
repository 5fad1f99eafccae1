// SPDX-License-Identifier: Apache-2.0

package nftables

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tidewatch/decision"
)

// The network of a test: a client, a gateway where the rules are, and a server.
//
//	client ---- gateway ---- server
//	10.1.0.1-3  10.1.0.254   10.2.0.1-2
//	            10.2.0.254
//	fd01::1-3   fd01::fe     fd02::1-2
//	            fd02::fe
const network = `
link add toclient type veth peer name eth0 netns CLIENT
link add toserver type veth peer name eth0 netns SERVER
addr add 10.1.0.254/24 dev toclient
addr add 10.2.0.254/24 dev toserver
addr add fd01::fe/64 dev toclient nodad
addr add fd02::fe/64 dev toserver nodad
link set lo up
link set toclient up
link set toserver up
`

const client = `
addr add 10.1.0.1/24 dev eth0
addr add 10.1.0.2/24 dev eth0
addr add 10.1.0.3/24 dev eth0
addr add fd01::1/64 dev eth0 nodad
addr add fd01::2/64 dev eth0 nodad
addr add fd01::3/64 dev eth0 nodad
link set eth0 up
route add default via 10.1.0.254
route add ::/0 via fd01::fe
`

const server = `
addr add 10.2.0.1/24 dev eth0
addr add 10.2.0.2/24 dev eth0
addr add fd02::1/64 dev eth0 nodad
addr add fd02::2/64 dev eth0 nodad
link set eth0 up
route add default via 10.2.0.254
route add ::/0 via fd02::fe
`

// foreign are tables of somebody else, who uses connection tracking: so the kernel puts
// fragments together on prerouting.
const foreign = `
table inet filter {
	set friends { type ipv4_addr; flags timeout; elements = { 198.51.100.1 } }
	chain prerouting { type filter hook prerouting priority raw; policy accept; ip saddr @friends accept; }
	chain forward { type filter hook forward priority filter; policy accept; ct state established accept; }
}
table ip tidewatch {
	chain theirs { ip daddr 203.0.113.7 drop; }
}
table ip6 nat {
	chain post { type nat hook postrouting priority srcnat; policy accept; }
}
`

// lab is one such network.
type lab struct{ client, gateway, server string }

var labs atomic.Int64

// newLab makes a network, and checks at the end that foreign tables are as they were.
func newLab(t *testing.T) *lab {
	t.Helper()
	name := fmt.Sprintf("tw%d-%d-", os.Getpid(), labs.Add(1))
	l := &lab{client: name + "c", gateway: name + "g", server: name + "s"}
	needKernel(t)
	t.Cleanup(func() {
		for _, ns := range []string{l.client, l.gateway, l.server} {
			_ = exec.Command("ip", "netns", "delete", ns).Run()
		}
	})
	for _, ns := range []string{l.client, l.gateway, l.server} {
		run(t, "", "ip", "netns", "add", ns)
		l.in(t, ns, func() error { // addresses of a link are good at once
			return os.WriteFile("/proc/sys/net/ipv6/conf/default/accept_dad", []byte("0"), 0o600)
		})
	}
	names := strings.NewReplacer("CLIENT", l.client, "SERVER", l.server)
	run(t, names.Replace(network), "ip", "-n", l.gateway, "-batch", "-")
	run(t, client, "ip", "-n", l.client, "-batch", "-")
	run(t, server, "ip", "-n", l.server, "-batch", "-")
	l.in(t, l.gateway, func() error {
		for _, f := range []string{"ipv4/ip_forward", "ipv6/conf/all/forwarding"} {
			if err := os.WriteFile("/proc/sys/net/"+f, []byte("1"), 0o600); err != nil {
				return err
			}
		}
		return nil
	})
	l.nft(t, foreign, "-f", "-")
	before := l.foreign(t)
	t.Cleanup(func() {
		if after := l.foreign(t); after != before {
			t.Errorf("foreign tables were\n%s\nand are\n%s", before, after)
		}
	})
	return l
}

// needKernel skips a test where it cannot run, except in continuous integration.
func needKernel(t *testing.T) {
	t.Helper()
	why := ""
	for _, program := range []string{"ip", "nft"} {
		if _, err := exec.LookPath(program); err != nil {
			why = program + " is not installed: `make test` installs it (Debian packages iproute2 and nftables)"
		}
	}
	if os.Geteuid() != 0 {
		why = "network namespaces need root"
	}
	switch {
	case why == "":
	case os.Getenv("TIDEWATCH_REQUIRE_DATA") == "1" || os.Getenv("CI") == "true":
		t.Fatal(why)
	default:
		t.Skip("skipped: " + why)
	}
}

// run runs a program to its end and returns what it printed.
func run(t *testing.T, in string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second) // cleaning up, the test's own is over
	defer cancel()
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Stdin = strings.NewReader(in)
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v: %s", strings.Join(args, " "), err, said.String())
	}
	return string(out)
}

// nft runs nft on the gateway.
func (l *lab) nft(t *testing.T, in string, args ...string) string {
	t.Helper()
	return run(t, in, append([]string{"ip", "netns", "exec", l.gateway, "nft"}, args...)...)
}

// foreign returns all tables except ours as text.
func (l *lab) foreign(t *testing.T) string {
	t.Helper()
	var out strings.Builder
	for line := range strings.Lines(l.nft(t, "", "list", "tables")) {
		if table := strings.Fields(line)[1:]; strings.Join(table, " ") != "inet tidewatch" {
			out.WriteString(l.nft(t, "", append([]string{"list", "table"}, table...)...))
		}
	}
	return out.String()
}

// ours returns our table as text, "" when there is none.
func (l *lab) ours(t *testing.T) string {
	t.Helper()
	if !strings.Contains(l.nft(t, "", "list", "tables"), "inet tidewatch\n") {
		return ""
	}
	return l.nft(t, "", "list", "table", "inet", "tidewatch")
}

// in runs f inside a namespace, on a thread that is given up then.
func (l *lab) in(t *testing.T, ns string, f func() error) {
	t.Helper()
	failed := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		h, err := os.Open("/run/netns/" + ns)
		if err == nil {
			err = unix.Setns(int(h.Fd()), unix.CLONE_NEWNET)
			_ = h.Close()
		}
		if err == nil {
			err = f()
		}
		failed <- err
	}()
	if err := <-failed; err != nil {
		t.Fatalf("in %s: %v", ns, err)
	}
}

// actuator acts on the gateway.
func (l *lab) actuator(t *testing.T, change func(c *Config)) *Actuator {
	t.Helper()
	cfg := DefaultConfig()
	cfg.NetNS = "/run/netns/" + l.gateway
	if change != nil {
		change(&cfg)
	}
	a, err := New(&cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// socket is a raw one inside a namespace.
func (l *lab) socket(t *testing.T, ns, network, addr string) *net.IPConn {
	t.Helper()
	var c net.PacketConn
	l.in(t, ns, func() (err error) {
		c, err = (&net.ListenConfig{}).ListenPacket(t.Context(), network, addr)
		return err
	})
	t.Cleanup(func() { _ = c.Close() })
	ip, _ := c.(*net.IPConn)
	_ = ip.SetReadBuffer(4 << 20)
	return ip
}

// inbox counts packets that reach a namespace, by the tag that each carries.
type inbox struct {
	mu  sync.Mutex
	got map[string]int
}

// listen counts all TCP and UDP packets of both families that reach a namespace.
func (l *lab) listen(t *testing.T, ns string) *inbox {
	t.Helper()
	in := &inbox{got: map[string]int{}}
	for _, network := range []string{"ip4:tcp", "ip4:udp", "ip6:tcp", "ip6:udp"} {
		c := l.socket(t, ns, network, "")
		go func() {
			buf := make([]byte, 65536)
			for {
				n, err := c.Read(buf)
				if err != nil {
					return
				}
				_, tag, found := bytes.Cut(buf[:n], []byte("tag:"))
				if text, _, whole := bytes.Cut(tag, []byte(";")); found && whole {
					in.mu.Lock()
					in.got[string(text)]++
					in.mu.Unlock()
				}
			}
		}()
	}
	return in
}

// count waits until n packets of a tag are there, for a while.
func (in *inbox) count(tag string, n int) int {
	for end := time.Now().Add(3 * time.Second); ; time.Sleep(time.Millisecond) {
		in.mu.Lock()
		got := in.got[tag]
		in.mu.Unlock()
		if got >= n || time.Now().After(end) {
			return got
		}
	}
}

// packet is one to be sent.
type packet struct {
	from, to     string
	tcp          bool
	sport, dport uint16
	flags        uint8
	size         int // above the IP header; 0: just enough
}

// frame is the packet above its IP header.
func (p *packet) frame(tag string) []byte {
	ports := []byte{byte(p.sport >> 8), byte(p.sport), byte(p.dport >> 8), byte(p.dport)}
	head := 8
	if p.tcp {
		head = 20
	}
	size := max(p.size, head+len(tag)+len("tag:;"))
	out := append(ports, make([]byte, size-4)...)
	if p.tcp {
		out[12], out[13] = 5<<4, p.flags
	} else {
		out[4], out[5] = byte(size>>8), byte(size)
	}
	copy(out[head:], "tag:"+tag+";")
	return out
}

// sender sends such packets.
func (l *lab) sender(t *testing.T, ns string, p *packet, tag string) func() {
	t.Helper()
	family, proto := "ip4", "udp"
	if strings.Contains(p.to, ":") {
		family = "ip6"
	}
	if p.tcp {
		proto = "tcp"
	}
	c := l.socket(t, ns, family+":"+proto, p.from)
	to, frame := &net.IPAddr{IP: net.ParseIP(p.to)}, p.frame(tag)
	return func() {
		if _, err := c.WriteToIP(frame, to); err != nil {
			t.Errorf("send %+v: %v", p, err)
		}
	}
}

// fresh is a decision with an id, to end after a time.
func fresh(d decision.Decision, id string, after time.Duration) *decision.Decision {
	d.ID, d.Until = id, time.Now().Add(after)
	return &d
}

func apply(t *testing.T, a *Actuator, d *decision.Decision) {
	t.Helper()
	if err := a.Apply(t.Context(), d); err != nil {
		t.Fatalf("apply %s: %v", d.Key(), err)
	}
}

func held(t *testing.T, a *Actuator) map[string]time.Time {
	t.Helper()
	h, known, err := a.Held(t.Context())
	if err != nil || !known {
		t.Fatalf("held: known %t, %v", known, err)
	}
	return h
}

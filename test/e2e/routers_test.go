// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"bufio"
	"context"
	"log/slog"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"tidewatch/decision"
	"tidewatch/mitigate/bgp"
	"tidewatch/test/routers"
)

const (
	speakerASN      = 4_200_000_001
	speakerPassword = "a-password-of-the-test"
	speakerHold     = 6 * time.Second
	speakerPeer     = "TIDEWATCH_E2E_PEER"    // address and port of the router, for the process that is killed
	speakerRestart  = "TIDEWATCH_E2E_RESTART" // its graceful_restart
)

func speakerAddress() netip.Addr { return netip.MustParseAddr("127.0.2.100") }

func speakerConfig(router netip.AddrPort) bgp.Config {
	cfg := bgp.DefaultConfig()
	cfg.ASN, cfg.RouterID, cfg.LocalAddress, cfg.HoldTime = speakerASN, netip.MustParseAddr("192.0.2.100"), speakerAddress(), speakerHold
	cfg.GracefulRestart, _ = time.ParseDuration(os.Getenv(speakerRestart)) // none at worst
	cfg.Blackhole.Communities = append(cfg.Blackhole.Communities, "64500:666", "4200000001:666:0")
	cfg.Peers = []bgp.PeerConfig{{Address: router.Addr(), Port: router.Port(), ASN: routers.ASN, Multihop: 2, Password: speakerPassword}}
	return cfg
}

// orders are a decision of each kind that routers carry out, until a moment.
func orders(until time.Time) []*decision.Decision {
	host4, host6 := netip.MustParsePrefix("203.0.113.7/32"), netip.MustParsePrefix("2001:db8::7/128")
	order := func(id string, a decision.Action, target netip.Prefix, m decision.Match, bytes uint64) *decision.Decision {
		if a != decision.Blackhole {
			m.Destination = target
		}
		return &decision.Decision{ID: id, Action: a, Target: target, Match: m, Rate: bytes, Until: until}
	}
	return []*decision.Decision{
		order("hole4", decision.Blackhole, host4, decision.Match{}, 0),
		order("hole6", decision.Blackhole, host6, decision.Match{}, 0),
		order("dns4", decision.FlowSpecDrop, host4, decision.Match{Protocol: "udp", SrcPort: 53, PacketBytes: &decision.Range{From: 512, To: 1500}}, 0),
		order("fragments4", decision.FlowSpecDrop, host4, decision.Match{Protocol: "udp", Fragment: true}, 0),
		order("limit4", decision.FlowSpecRateLimit, host4, decision.Match{Protocol: "tcp", DstPort: 443, Flags: "SYN"}, 125_000),
		order("null6", decision.FlowSpecDrop, host6, decision.Match{Protocol: "tcp", Flags: "none"}, 0),
		order("limit6", decision.FlowSpecRateLimit, host6, decision.Match{Protocol: "udp", Source: netip.MustParsePrefix("2001:db8:bad::/48")}, 1_000_000),
	}
}

// speak runs a speaker until the test ends or stop is called, and has it connected.
func speak(t *testing.T, r *routers.Router) (s *bgp.Speaker, stop func()) {
	t.Helper()
	s, err := bgp.New(speakerConfig(netip.AddrPortFrom(r.Address, r.Port)), bgp.Deps{Log: slog.New(slog.NewTextHandler(t.Output(), nil))})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	stop = func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		done <- nil
	}
	t.Cleanup(stop)
	for end := time.Now().Add(30 * time.Second); s.Sessions()[0].State != "established"; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("no session: %+v\n%s", s.Sessions(), r.Log())
		}
	}
	return s, stop
}

// give applies the orders.
func give(t *testing.T, s *bgp.Speaker, all []*decision.Decision) {
	t.Helper()
	for _, d := range all {
		if err := s.Apply(t.Context(), d); err != nil {
			t.Fatal(err)
		}
	}
}

// have waits until the router has all of the orders, or none, and returns how long it took.
func have(t *testing.T, r *routers.Router, all bool, within time.Duration) time.Duration {
	t.Helper()
	begun := time.Now()
	for {
		routes, rules := r.Routes(t), r.FlowSpec(t)
		if all && len(routes) == 2 && len(rules) == 5 || !all && len(routes) == 0 && len(rules) == 0 {
			return time.Since(begun).Round(time.Millisecond)
		}
		if time.Since(begun) > within {
			t.Fatalf("all: %v, not within %v: the router has %v and %q\n%s", all, within, routes, rules, r.Log())
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// TestRouters has each real router see what is announced, and see it go: on withdrawal,
// at its end, on a clean stop, when the process is killed, and when it hangs.
func TestRouters(t *testing.T) {
	for _, kind := range routers.Kinds() {
		t.Run(string(kind), func(t *testing.T) {
			r := routers.Start(t, kind, routers.Options{Neighbour: speakerAddress(), NeighbourASN: speakerASN, Password: speakerPassword})
			s, stop := speak(t, r)
			long := orders(time.Now().Add(time.Hour))
			give(t, s, long)
			t.Logf("%s: seen after %v", kind, have(t, r, true, 5*time.Second))
			checkRoutes(t, r)
			checkRules(t, r)
			for _, d := range long {
				if err := s.Withdraw(t.Context(), d); err != nil {
					t.Fatal(err)
				}
			}
			t.Logf("%s: gone %v after the withdrawal", kind, have(t, r, false, 5*time.Second))

			end := time.Now().Add(3 * time.Second)
			give(t, s, orders(end))
			have(t, r, true, 2*time.Second)
			have(t, r, false, 6*time.Second)
			if late := time.Since(end); late < 0 || late > 2*time.Second {
				t.Errorf("gone %v after the end", late)
			} else {
				t.Logf("%s: gone %v after the end", kind, late.Round(time.Millisecond))
			}

			give(t, s, orders(time.Now().Add(time.Hour)))
			have(t, r, true, 5*time.Second)
			stop()
			t.Logf("%s: gone %v after a clean stop", kind, have(t, r, false, 5*time.Second))

			for signal, within := range map[syscall.Signal]time.Duration{syscall.SIGKILL: speakerHold, syscall.SIGSTOP: speakerHold + 2*time.Second} {
				p := startSpeaker(t, r)
				have(t, r, true, 5*time.Second)
				if err := p.Signal(signal); err != nil {
					t.Fatal(err)
				}
				t.Logf("%s: gone %v after %v (hold time %v)", kind, have(t, r, false, within), signal, speakerHold)
				_ = p.Kill() // it may be dead
			}
		})
	}
}

// TestGracefulRestart: a router keeps what we announced for as long as it was told to after
// we were killed, and no longer; after a clean stop it keeps nothing.
func TestGracefulRestart(t *testing.T) {
	const keep = 4 * time.Second
	t.Setenv(speakerRestart, keep.String())
	r := routers.Start(t, routers.Bird, routers.Options{Neighbour: speakerAddress(), NeighbourASN: speakerASN, Password: speakerPassword})
	s, stop := speak(t, r)
	give(t, s, orders(time.Now().Add(time.Hour)))
	have(t, r, true, 5*time.Second)
	stop()
	t.Logf("gone %v after a clean stop", have(t, r, false, time.Second))
	p := startSpeaker(t, r)
	have(t, r, true, 5*time.Second)
	if err := p.Kill(); err != nil {
		t.Fatal(err)
	}
	took := have(t, r, false, keep+3*time.Second)
	t.Logf("gone %v after the kill (graceful_restart %v)", took, keep)
	if took < keep/2 {
		t.Errorf("nothing was kept")
	}
}

func checkRoutes(t *testing.T, r *routers.Router) {
	t.Helper()
	for i, prefix := range []string{"2001:db8::7/128", "203.0.113.7/32"} {
		got := r.Routes(t)[i]
		want := []string{"4200000001:666:0", "64500:666", "65535:65281", "65535:666"}
		if got.Prefix.String() != prefix || !slices.Equal(got.Communities, want) {
			t.Errorf("%s has %v, want %s %v", r.Kind, got, prefix, want)
		}
	}
}

// checkRules wants each rule in the router's own words. The AS number of a rate is what
// fits of ours: 59905, or 0xea01.
func checkRules(t *testing.T, r *routers.Router) {
	t.Helper()
	want := map[routers.Kind][]string{
		routers.Bird: {
			"flow4 { dst 203.0.113.7/32; proto 17; fragment !0x0/0xe; } (generic, 0x8006ea01, 0x0)",
			"flow4 { dst 203.0.113.7/32; proto 17; sport 53; length 512..1500; } (generic, 0x8006ea01, 0x0)",
			"flow4 { dst 203.0.113.7/32; proto 6; dport 443; tcp flags 0x2/0x2 && 0x0/0x3d; } (generic, 0x8006ea01, 0x47f42400)",
			"flow6 { dst 2001:db8::7/128; next header 6; tcp flags 0x0/0x3f; } (generic, 0x8006ea01, 0x0)",
			"flow6 { dst 2001:db8::7/128; src 2001:db8:bad::/48; next header 17; } (generic, 0x8006ea01, 0x49742400)",
		},
		routers.FRR: {
			"Destination Address 2001:db8::7/128/off 0 IP Protocol = 6 TCP Flags ∋ ! 63 FS:rate 0.000000",
			"Destination Address 2001:db8::7/128/off 0 Source Address 2001:db8:bad::/48/off 0 IP Protocol = 17 FS:rate 1000000.000000",
			"Destination Address 203.0.113.7/32 IP Protocol = 17 Packet Fragment ∋ 14 FS:rate 0.000000",
			"Destination Address 203.0.113.7/32 IP Protocol = 17 Source Port = 53 Packet Length >= 512 , <= 1500 FS:rate 0.000000",
			"Destination Address 203.0.113.7/32 IP Protocol = 6 Destination Port = 443 TCP Flags = 2,&∋ ! 61 FS:rate 125000.000000",
		},
		routers.GoBGP: {
			"[destination: 2001:db8::7/128/0][protocol: ==tcp][tcp-flags: !FSRPAU] rate 0",
			"[destination: 2001:db8::7/128/0][source: 2001:db8:bad::/48/0][protocol: ==udp] rate 1000000",
			"[destination: 203.0.113.7/32][protocol: ==tcp][destination-port: ==443][tcp-flags: =S&!FRPAU] rate 125000",
			"[destination: 203.0.113.7/32][protocol: ==udp][fragment: is-fragment+first-fragment+last-fragment] rate 0",
			"[destination: 203.0.113.7/32][protocol: ==udp][source-port: ==53][packet-length: >=512&<=1500] rate 0",
		},
	}[r.Kind]
	if got := r.FlowSpec(t); !slices.Equal(got, want) {
		t.Errorf("%s has\n%s\nwant\n%s", r.Kind, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// startSpeaker runs a speaker in a process of its own that has announced all orders.
func startSpeaker(t *testing.T, r *routers.Router) *os.Process {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestSpeakerProcess$", "-test.v")
	cmd.Env = append(os.Environ(), speakerPeer+"="+netip.AddrPortFrom(r.Address, r.Port).String())
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // it was killed
	})
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if strings.Contains(lines.Text(), "announced") {
			return cmd.Process
		}
	}
	t.Fatal("the speaker's process announced nothing")
	return nil
}

// TestSpeakerProcess is what startSpeaker runs; by itself it does nothing.
func TestSpeakerProcess(t *testing.T) {
	peer := os.Getenv(speakerPeer)
	if peer == "" {
		return
	}
	a := netip.MustParseAddrPort(peer)
	s, _ := speak(t, &routers.Router{Address: a.Addr(), Port: a.Port()})
	give(t, s, orders(time.Now().Add(time.Hour)))
	os.Stdout.WriteString("announced\n")
	time.Sleep(time.Minute) // it is killed
}

// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"tidewatch/decision"
)

// sequence is the bytes of one random life of a world.
func sequence(seed uint64) []byte {
	rng := rand.New(rand.NewPCG(seed, 7))
	b := make([]byte, 400+rng.IntN(1600))
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	return b
}

// TestNothingHarmfulPasses: whatever is asked, configured, restarted and however the
// clock jumps, the router never holds what it must not.
func TestNothingHarmfulPasses(t *testing.T) {
	t.Parallel()
	sequences := 300
	if os.Getenv("TIDEWATCH_ACCURACY") != "" {
		sequences = 20_000
	}
	proposed, accepted := 0, 0
	for seed := range sequences {
		w := newWorld(sequence(uint64(seed)), New)
		w.run()
		proposed, accepted = proposed+w.proposed, accepted+w.accepted
		if len(w.broken) > 0 {
			t.Fatalf("sequence %d: %s", seed, strings.Join(w.broken, "\n"))
		}
	}
	t.Logf("%d sequences, %d decisions, %d accepted", sequences, proposed, accepted)
	if accepted < 3*sequences { // else nothing was tested
		t.Errorf("only %d of %d decisions were accepted in %d sequences", accepted, proposed, sequences)
	}
}

// FuzzSequences is the same with bytes that the fuzzer chooses.
func FuzzSequences(f *testing.F) {
	for seed := range 20 {
		f.Add(sequence(uint64(seed))[:200]) // short ones are soon made shorter
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		w := newWorld(data, New)
		w.run()
		if len(w.broken) > 0 {
			t.Fatal(strings.Join(w.broken, "\n"))
		}
	})
}

// TestCheckerBites: without any one of the guards, or with a cap that is one too high,
// the checker finds what passes.
func TestCheckerBites(t *testing.T) {
	t.Parallel()
	mutants := map[string]func(*Rails){}
	for _, l := range rails() {
		mutants["without "+l.name] = func(r *Rails) {
			for i := range r.rails {
				if r.rails[i].name == l.name {
					r.rails[i].ask = func(*question) {}
				}
			}
		}
	}
	for name, change := range map[string]func(c *Config){
		"caps: one more in all":           func(c *Config) { c.MaxActive++ },
		"caps: one more blackhole":        func(c *Config) { c.MaxBlackhole++ },
		"caps: one more FlowSpec rule":    func(c *Config) { c.MaxFlowSpec++ },
		"caps: one more diversion":        func(c *Config) { c.MaxDivert++ },
		"caps: one more of firewalls":     func(c *Config) { c.MaxFirewall++ },
		"caps: one more quarantine":       func(c *Config) { c.MaxQuarantine++ },
		"caps: one more hook":             func(c *Config) { c.MaxHook++ },
		"caps: one more of an incident":   func(c *Config) { c.MaxPerIncident++ },
		"pace: one more in a minute":      func(c *Config) { c.MaxPerMinute++ },
		"cut off: one more":               func(c *Config) { c.MaxCutOff++ },
		"cut off: twice the share":        func(c *Config) { c.MaxCutOffShare *= 2 },
		"length: one bit shorter, IPv4":   func(c *Config) { c.MinPrefixV4-- },
		"length: one bit shorter, IPv6":   func(c *Config) { c.MinPrefixV6-- },
		"end: longer with a person":       func(c *Config) { c.MaxLease *= 1000 },
		"end: longer without":             func(c *Config) { c.MaxLeaseAutomatic *= 1000 },
		"verdict: not so sure":            func(c *Config) { c.MinConfidence = 0 },
		"outer end: made up":              func(c *Config) { c.MaxSpoofed = 1 },
		"collateral: more without asking": func(c *Config) { c.AskCollateralDrop, c.AskCollateralBlock, c.AskCollateralLimit = 1, 1, 1 },
		"collateral: more":                func(c *Config) { c.MaxCollateralDrop, c.MaxCollateralBlock = 1, 1 },
		"rate: less":                      func(c *Config) { c.MinRate = 1 },
	} {
		mutants[name] = func(r *Rails) { change(&r.cfg) }
	}
	mutants["never: not what everybody lives on"] = func(r *Rails) { r.never = r.never[len(wellKnown()):] }
	mutants["never: not what is configured"] = func(r *Rails) { r.never = r.never[:len(wellKnown())] }
	mutants["own: everything inside is announced"] = func(r *Rails) { r.own = r.inside }
	for name, change := range mutants {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rail, _, _ := strings.Cut(strings.TrimPrefix(name, "without "), ":")
			others := 0
			for seed := range 3000 {
				w := newWorld(sequence(uint64(seed)), func(c *Config) (*Rails, error) {
					r, err := New(c)
					if err == nil {
						change(r)
					}
					return r, err
				})
				w.run()
				for _, b := range w.broken {
					if strings.HasPrefix(b, rail+":") {
						return
					}
					others++
				}
			}
			t.Errorf("nothing was found (%d of other guards)", others)
		})
	}
}

// TestRecheckIsNeeded: a program that does not ask again when the configuration changes,
// or what is protected, keeps what it must not.
func TestRecheckIsNeeded(t *testing.T) {
	t.Parallel()
	missing := map[string]bool{"own": true, "never": true, "length": true, "caps": true, "cut off": true}
	for seed := uint64(0); seed < 3000 && len(missing) > 0; seed++ {
		w := newWorld(sequence(seed), New)
		w.careless = true
		w.run()
		for _, b := range w.broken {
			rail, _, _ := strings.Cut(b, ":")
			delete(missing, rail)
		}
	}
	if len(missing) > 0 {
		t.Errorf("not missed: %v", missing)
	}
}

// TestCheckerSeesBadRules: rules put into the router by hand, past the guards.
func TestCheckerSeesBadRules(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		change func(c *scene)
		rail   string
	}{
		"a stranger":           {func(c *scene) { c.act(decision.Blackhole, c.source) }, "own"},
		"the default route":    {func(c *scene) { c.act(decision.Blackhole, netip.PrefixFrom(c.host.Addr(), 0).Masked()) }, "length"},
		"short":                {func(c *scene) { c.act(decision.Divert, c.wide) }, "length"},
		"never":                {func(c *scene) { c.act(decision.Blackhole, c.protected) }, "never"},
		"a resolver as source": {func(c *scene) { c.d.Match.Source = c.resolver }, "never"},
		"no end":               {func(c *scene) { c.d.Until = time.Time{} }, "end"},
		"to everybody":         {func(c *scene) { c.d.Match.Destination = netip.Prefix{} }, "match"},
		"nobody sure":          {func(c *scene) { c.g.Verdict = "legitimate" }, "verdict"},
	} {
		for _, family := range []string{"IPv4", "IPv6"} {
			c := newScene(family)
			tc.change(c)
			w := newWorld(nil, New)
			w.router = append(w.router, held{c.d, c.g})
			w.changed = true
			w.began(&w.router[0])
			w.inspect()
			if all := fmt.Sprint(w.broken); !strings.Contains(all, tc.rail+":") {
				t.Errorf("%s, %s: found %s", name, family, all)
			}
		}
	}
	c := newScene("IPv4")
	w := newWorld(nil, New)
	w.router = append(w.router, held{c.d, c.g})
	w.changed = true
	w.began(&w.router[0])
	if w.inspect(); len(w.broken) > 0 {
		t.Errorf("a good rule: %s", w.broken)
	}
}

// SPDX-License-Identifier: Apache-2.0

package nftables

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"strconv"
	"strings"

	nft "github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/google/nftables/userdata"
	"golang.org/x/sys/unix"

	"tidewatch/decision"
)

// fragments is the chain where fragments are seen: before the kernel puts them together
// (-400), which is what a flood of fragments wants it to do.
const (
	fragments         = "fragments"
	fragmentsPriority = -450
)

// limitPrefix begins the names of chains that each hold one limit.
const limitPrefix = "limit_"

func (k *kernel) table() *nft.Table {
	return &nft.Table{Name: k.cfg.Table, Family: nft.TableFamilyINet}
}

func (k *kernel) chain(name string) *nft.Chain { return &nft.Chain{Name: name, Table: k.table()} }

// chainOf is where packets of a shape are seen.
func (k *kernel) chainOf(s *shape) *nft.Chain {
	if s.fragment {
		return k.chain(fragments)
	}
	return k.chain(k.cfg.Hook)
}

// rebuild makes the table anew, with chains that let through what must never be hit. What
// was in force is not any more; Held says so.
func (k *kernel) rebuild(c *nft.Conn) {
	c.AddTable(k.table()) // removing what is not there fails
	c.DelTable(k.table())
	c.AddTable(k.table())
	hook := nft.ChainHookPrerouting
	if k.cfg.Hook == "forward" {
		hook = nft.ChainHookForward
	}
	accept := nft.ChainPolicyAccept
	for _, base := range []*nft.Chain{
		{Name: k.cfg.Hook, Hooknum: hook, Priority: new(nft.ChainPriority(k.cfg.Priority))},
		{Name: fragments, Hooknum: nft.ChainHookPrerouting, Priority: nft.ChainPriorityRef(fragmentsPriority)},
	} {
		base.Table, base.Type, base.Policy = k.table(), nft.ChainTypeFilter, &accept
		chain := c.AddChain(base)
		for _, h := range k.heads() {
			c.AddRule(&nft.Rule{Table: chain.Table, Chain: chain, Exprs: h.exprs, UserData: comment(h.comment)})
		}
	}
}

// head is a rule before all others.
type head struct {
	comment string // tells whether the chain is the one that we would make now
	exprs   []expr.Any
}

func (k *kernel) heads() []head {
	out := make([]head, 0, 2+len(k.cfg.Management))
	out = append(out, head{"this machine itself; priority " + strconv.Itoa(k.cfg.Priority), fromLoopback()},
		head{"neighbour discovery", neighbourDiscovery()})
	for _, p := range k.cfg.Management {
		out = append(out, head{"management " + p.String(), toThisMachine(p)})
	}
	return out
}

// rules returns the rules of our chains by the sets that they ask; whole is false when
// the chains are not as we make them.
func (k *kernel) rules(c *nft.Conn) (bySet map[string][]*nft.Rule, whole bool, err error) {
	bySet, whole = map[string][]*nft.Rule{}, true
	heads := k.heads()
	for _, name := range [...]string{k.cfg.Hook, fragments} {
		rules, err := c.GetRules(k.table(), k.chain(name))
		if err != nil {
			return nil, false, err
		}
		for i, r := range rules {
			text, _ := userdata.GetString(r.UserData, userdata.TypeComment)
			if i >= len(heads) {
				r.Table, r.Chain = k.table(), k.chain(name)
				bySet[text] = append(bySet[text], r)
			} else if text != heads[i].comment {
				whole = false
			}
		}
		whole = whole && len(rules) >= len(heads)
	}
	return bySet, whole, nil
}

// sets returns the sets of our table, if there is one.
func (k *kernel) sets(c *nft.Conn) (sets []*nft.Set, exists bool, err error) {
	if _, err := c.ListTableOfFamily(k.cfg.Table, nft.TableFamilyINet); err != nil {
		if errors.Is(err, unix.ENOENT) {
			return nil, false, nil
		}
		return nil, false, err
	}
	sets, err = c.GetSets(k.table())
	return sets, true, err
}

// set is the one of a shape, as it is made.
func (k *kernel) set(s *shape) *nft.Set {
	var types []nft.SetDatatype
	addr := nft.TypeIPAddr
	if s.six {
		addr = nft.TypeIP6Addr
	}
	for _, f := range [...]struct {
		wanted bool
		is     nft.SetDatatype
	}{{s.src > 0, addr}, {s.dst > 0, addr}, {s.sport, nft.TypeInetService}, {s.dport, nft.TypeInetService}} {
		if f.wanted {
			types = append(types, f.is)
		}
	}
	out := &nft.Set{
		Table: k.table(), Name: s.name(), KeyType: nft.MustConcatSetType(types...), HasTimeout: true, Counter: true,
		ID: 1, // within a batch, which makes one set; else the library counts, without a lock
	}
	if s.action == decision.RateLimit {
		out.IsMap, out.DataType = true, nft.TypeVerdict
	}
	return out
}

// rulesOf is the number of rules that ask a set.
func rulesOf(set string) int {
	if strings.HasPrefix(set, string(decision.Quarantine)) {
		return 2 // from the device, and to it
	}
	return 1
}

// addRules adds the rules that ask the set of a shape.
func (k *kernel) addRules(c *nft.Conn, s *shape) {
	for _, exprs := range s.exprs() {
		chain := k.chainOf(s)
		c.AddRule(&nft.Rule{Table: chain.Table, Chain: chain, Exprs: exprs, UserData: comment(s.name())})
	}
}

// limitChain is the chain with the limit of one element. Its name follows from the
// element's place, so that a map never names two chains for one key.
func (k *kernel) limitChain(p place) *nft.Chain {
	sum := sha256.Sum256([]byte(p.set + " " + p.key))
	return k.chain(limitPrefix + hex.EncodeToString(sum[:10]))
}

// addLimit makes the chain of a limit. One that is there and has the rate is left alone,
// with what it has counted.
func (k *kernel) addLimit(c *nft.Conn, chain *nft.Chain, rate uint64, whole bool) error {
	text := strconv.FormatUint(rate, 10) + " bytes/s"
	if whole {
		rules, err := c.GetRules(chain.Table, chain)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(rules, func(r *nft.Rule) bool {
			have, _ := userdata.GetString(r.UserData, userdata.TypeComment)
			return have == text
		}) {
			return nil
		}
	}
	c.AddChain(chain)
	c.FlushChain(chain)
	c.AddRule(&nft.Rule{Table: chain.Table, Chain: chain, Exprs: overLimit(rate), UserData: comment(text)})
	return nil
}

func comment(text string) []byte {
	return userdata.AppendString(nil, userdata.TypeComment, text)
}

// SPDX-License-Identifier: Apache-2.0

package nftables

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	nft "github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"tidewatch/decision"
)

// errCapability tells what is missing in a line.
var errCapability = errors.New("needs CAP_NET_ADMIN: run as root, or setcap cap_net_admin+ep on the program")

// capable asks the kernel whether this process may change packet filters.
func capable() error {
	hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&hdr, &data[0]); err != nil {
		return fmt.Errorf("ask for capabilities: %w", err)
	}
	if data[0].Effective&(1<<unix.CAP_NET_ADMIN) == 0 {
		return errCapability
	}
	return nil
}

// kernel writes and reads our table. It remembers nothing.
type kernel struct{ cfg *Config }

// with lends a connection that ends with ctx, and says errors in one line.
func (k *kernel) with(ctx context.Context, doing string, do func(c *nft.Conn) error) error {
	opts := []nft.ConnOption{nft.AsLasting(), nft.WithSockOptions(func(c *netlink.Conn) error {
		end, _ := ctx.Deadline()
		return c.SetDeadline(end)
	})}
	if k.cfg.NetNS != "" {
		f, err := os.Open(k.cfg.NetNS)
		if err != nil {
			return fmt.Errorf("open the network namespace: %w", err)
		}
		defer f.Close()
		opts = append(opts, nft.WithNetNSFd(int(f.Fd())))
	}
	c, err := nft.New(opts...)
	if err == nil {
		err = do(c)
		_ = c.CloseLasting()
	}
	var errno unix.Errno
	switch {
	case err == nil:
		return nil
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES):
		return errCapability
	case errors.Is(err, unix.EPROTONOSUPPORT), errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, unix.EAFNOSUPPORT):
		return fmt.Errorf("%s: this kernel has no nf_tables, or not all of it", doing)
	case errors.As(err, &errno): // a batch gives one error a message
		return fmt.Errorf("%s: %w", doing, errno)
	}
	return fmt.Errorf("%s: %s", doing, strings.ReplaceAll(err.Error(), "\n", "; "))
}

// put makes what is missing of our table and brings one element in force.
func (k *kernel) put(ctx context.Context, s *shape, p place, e *element) error {
	return k.with(ctx, "write to nftables", func(c *nft.Conn) error {
		rules, whole, err := k.rules(c)
		if err != nil {
			return err
		}
		if n := len(rules[p.set]); n != 0 && n != rulesOf(p.set) {
			whole = false // somebody took one away
		}
		if !whole {
			k.rebuild(c)
			rules = nil
		}
		set := k.set(s)
		if len(rules[p.set]) == 0 {
			if err := c.AddSet(set, nil); err != nil {
				return err
			}
			k.addRules(c, s)
		}
		el := nft.SetElement{Key: []byte(p.key), Timeout: e.left, Comment: e.id}
		if s.action == decision.RateLimit {
			chain := k.limitChain(p)
			if err := k.addLimit(c, chain, e.rate, whole); err != nil {
				return err
			}
			el.VerdictData = &expr.Verdict{Kind: expr.VerdictJump, Chain: chain.Name}
		}
		// Adding what is there changes no comment and, in older kernels, no timeout, and
		// removing what is not there fails the whole batch: so it is added, removed and
		// added. That waits for all packets under way (some milliseconds), so it is done
		// where needed alone.
		elements := []nft.SetElement{el}
		err = c.SetAddElements(set, elements)
		if e.taken {
			err = errors.Join(err, c.SetDeleteElements(set, []nft.SetElement{{Key: el.Key}}), c.SetAddElements(set, elements))
		}
		return errors.Join(err, c.Flush())
	})
}

// remove takes an element out; nil when it is not there.
func (k *kernel) remove(ctx context.Context, p place) error {
	return k.with(ctx, "remove from nftables", func(c *nft.Conn) error {
		err := errors.Join(c.SetDeleteElements(&nft.Set{Table: k.table(), Name: p.set}, []nft.SetElement{{Key: []byte(p.key)}}), c.Flush())
		if errors.Is(err, unix.ENOENT) {
			return nil
		}
		return err
	})
}

// list reads all elements of our table. Those whose set no rule asks are not in force.
func (k *kernel) list(ctx context.Context) (out []found, err error) {
	err = k.with(ctx, "read nftables", func(c *nft.Conn) error {
		sets, exists, err := k.sets(c)
		if err != nil || !exists {
			return err
		}
		rules, whole, err := k.rules(c)
		if err != nil {
			return err
		}
		for _, s := range sets {
			elements, err := c.GetSetElements(s)
			if err != nil {
				return err
			}
			for i := range elements {
				e := &elements[i]
				out = append(out, found{
					place: place{s.Name, string(e.Key)}, id: e.Comment, left: e.Expires,
					inForce: whole && len(rules[s.Name]) == rulesOf(s.Name),
				})
			}
		}
		return nil
	})
	return out, err
}

// tidy removes sets without elements with their rules, limits that no element asks, and,
// when there is no element at all, the table.
func (k *kernel) tidy(ctx context.Context) error {
	return k.with(ctx, "remove leftovers of nftables", func(c *nft.Conn) error {
		sets, exists, err := k.sets(c)
		if err != nil || !exists {
			return err
		}
		rules, _, err := k.rules(c)
		if err != nil {
			return err
		}
		limits, empty := map[string]bool{}, []*nft.Set(nil)
		for _, s := range sets {
			elements, err := c.GetSetElements(s)
			if err != nil {
				return err
			}
			if len(elements) == 0 {
				empty = append(empty, s)
			}
			for i := range elements {
				limits[k.limitChain(place{s.Name, string(elements[i].Key)}).Name] = true
			}
		}
		if len(empty) == len(sets) {
			c.DelTable(k.table())
			return c.Flush()
		}
		for _, s := range empty {
			for _, r := range rules[s.Name] {
				if err := c.DelRule(r); err != nil {
					return err
				}
			}
			c.DelSet(s)
		}
		if err := c.Flush(); err != nil {
			return err
		}
		return k.dropLimits(c, limits)
	})
}

// dropLimits removes the chains of limits that are not wanted.
func (k *kernel) dropLimits(c *nft.Conn, wanted map[string]bool) error {
	chains, err := c.ListChainsOfTableFamily(nft.TableFamilyINet)
	if err != nil {
		return err
	}
	for _, chain := range chains {
		if chain.Table.Name != k.cfg.Table || !strings.HasPrefix(chain.Name, limitPrefix) || wanted[chain.Name] {
			continue
		}
		c.DelChain(chain)
		if err := c.Flush(); err != nil && !errors.Is(err, unix.EBUSY) { // an element that has just expired still names it
			return err
		}
	}
	return nil
}

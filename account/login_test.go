// SPDX-License-Identifier: Apache-2.0

package account

import (
	"context"
	"errors"
	"net/netip"
	"testing"
	"time"
)

// people is a store of users alone.
type people map[string]User

func (p people) Users(_ context.Context, name string) ([]User, error) {
	if u, ok := p[name]; ok {
		return []User{u}, nil
	}
	return nil, nil
}

func (people) Session(context.Context, Hash) (*Session, error)       { return nil, ErrNotFound }
func (people) Tokens(context.Context, *TokenFilter) ([]Token, error) { return nil, nil }
func (people) Apply(context.Context, *Change) error                  { return nil }

// TestStrangersCostTheSame: whether a name is an account's cannot be told by the time of
// the answer: each attempt hashes one password, as many as there are of it are under way.
func TestStrangersCostTheSame(t *testing.T) {
	t.Parallel()
	k, err := New(DefaultConfig(), people{}, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	kept, err := k.hasher.Hash(t.Context(), "a horse eats no cucumber")
	if err != nil {
		t.Fatal(err)
	}
	k.store = people{"ada": {Name: "ada", Role: Admin, Password: kept}, "off": {Name: "off", Role: Admin, Password: kept, Disabled: true}}
	for range cap(k.hasher.turns) {
		k.hasher.turns <- struct{}{} // others hash: whoever has to waits
	}
	from := netip.MustParsePrefix("2001:db8::/64")
	for _, name := range []string{"ada", "off", "nobody", "", "no name at all"} {
		for _, password := range []string{"wrong wrong", "a horse eats no cucumber", ""} {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
			_, err := k.Login(ctx, name, password, "", from)
			cancel()
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%q with %q is answered without hashing: %v", name, password, err)
			}
		}
	}
	for range cap(k.hasher.turns) {
		<-k.hasher.turns
	}
	if _, err := k.Login(t.Context(), "ada", "a horse eats no cucumber", "", from); err != nil {
		t.Errorf("who waited in vain has failed: %v", err)
	}
}

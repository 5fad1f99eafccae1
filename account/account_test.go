// SPDX-License-Identifier: Apache-2.0

package account

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
)

func TestCheckPassword(t *testing.T) {
	t.Parallel()
	for password, good := range map[string]bool{
		"a horse eats no cucumber": true, "Zx8#kk2-pq0L": true, "日本語のパスワードは長い方がよい": true,
		"short": false, "elevenchars": false, "            ": false, "aaaaaaaaaaaa": false, "ada ada ada ada": false,
		"password1234": false, "Password!!2026": false, "passwordpassword": false, "123456789012": false, "Tidewatch2026!": false,
		"my adalovelace pass": false, strings.Repeat("ab1c2", 60): false, "\xff\xfe\xfd valid no text": false, "correct horse battery staple": false,
	} {
		if err := CheckPassword("adalovelace", password); (err == nil) != good || err != nil && (!errors.Is(err, ErrInvalid) || strings.Contains(err.Error(), password)) {
			t.Errorf("%q: %v", password, err)
		}
	}
}

func TestCheckName(t *testing.T) {
	t.Parallel()
	for name, good := range map[string]bool{
		"ada": true, "ada.lovelace@example.org": true, "a-b_c": true, ".a": true,
		"": false, ".": false, "..": false, "Ada": false, "a b": false, "administrator": false, "adа": false, "a\n": false, strings.Repeat("a", 65): false,
	} {
		if err := CheckName(name); (err == nil) != good {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestHasher(t *testing.T) {
	t.Parallel()
	h := NewHasher(1)
	kept, err := h.Hash(t.Context(), "secret secret")
	if err != nil || !strings.HasPrefix(kept, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Fatalf("%s %v", kept, err)
	}
	again, _ := h.Hash(t.Context(), "secret secret")
	if again == kept {
		t.Error("no salt")
	}
	for password, want := range map[string]bool{"secret secret": true, "secret": false, "": false} {
		if got, err := h.Matches(t.Context(), password, kept); err != nil || got != want {
			t.Errorf("%q: %v %v", password, got, err)
		}
		if got, err := h.Matches(t.Context(), password, ""); err != nil || got {
			t.Errorf("%q of nobody: %v %v", password, got, err)
		}
	}
	for _, damaged := range []string{"x", "$argon2id$v=19$m=19456,t=2,p=1$", "$argon2id$v=19$m=99999999,t=2,p=1$AAAA$AAAA", prefix() + "AAAA$AAAA"} {
		if got, err := h.Matches(t.Context(), "x", damaged); err == nil || got {
			t.Errorf("%q: %v", damaged, got)
		}
	}
}

// TestHashingIsBounded: of many who come at once, some are sent away.
func TestHashingIsBounded(t *testing.T) {
	t.Parallel()
	h := NewHasher(1)
	h.turns <- struct{}{} // somebody hashes, and goes on to
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	for range maxWaiting + 1 {
		all.Go(func() {
			if _, err := h.Hash(ctx, "x"); !errors.Is(err, context.Canceled) {
				t.Errorf("who waits: %v", err)
			}
		})
	}
	for len(h.waiting) < cap(h.waiting) {
	}
	if _, err := h.Hash(t.Context(), "x"); !errors.Is(err, ErrBusy) {
		t.Errorf("one too many: %v", err)
	}
	cancel()
	all.Wait()
}

func TestLevels(t *testing.T) {
	t.Parallel()
	if Role("x").Level() != Nothing || Scope("").Level() != Nothing || Viewer.Level() != Read || ScopeWrite.Level() != Decide || Admin.Level() != Administer {
		t.Error("levels")
	}
}

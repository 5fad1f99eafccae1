// SPDX-License-Identifier: Apache-2.0

package account

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"
)

// ErrBusy says that too many passwords are being checked at this moment.
var ErrBusy = errors.New("too many are signing in at this moment; try again")

// Parameters of argon2id as OWASP recommends them: 19 MiB, two passes, one lane.
const (
	memoryKiB = 19 * 1024
	passes    = 2
	lanes     = 1
	saltBytes = 16
	keyBytes  = 32
)

// maxWaiting is how many wait for their turn; with those that hash they are all that
// can be held up here.
const maxWaiting = 32

// Hasher turns passwords into what may be kept. Each costs 19 MiB while it works, so
// that only so many work at once, however many sign in.
type Hasher struct {
	turns   chan struct{}
	waiting chan struct{}
	decoy   string
}

// NewHasher lets n hash at once.
func NewHasher(n int) *Hasher {
	// Of a password that nobody has: checking it takes the time of any other.
	return &Hasher{
		turns: make(chan struct{}, n), waiting: make(chan struct{}, n+maxWaiting),
		decoy: encode(random(saltBytes), random(keyBytes)),
	}
}

// Hash is what to keep of a password. The error is ErrBusy, or the context's.
func (h *Hasher) Hash(ctx context.Context, password string) (string, error) {
	salt := random(saltBytes)
	key, err := h.key(ctx, password, salt)
	if err != nil {
		return "", err
	}
	return encode(salt, key), nil
}

// Matches reports whether a password is the one that was kept. "" stands for somebody
// who is not there, and takes as long. The error is ErrBusy, or the context's.
func (h *Hasher) Matches(ctx context.Context, password, kept string) (bool, error) {
	if kept == "" {
		kept = h.decoy
	}
	salt, want, err := decode(kept)
	if err != nil {
		return false, err
	}
	got, err := h.key(ctx, password, salt)
	if err != nil {
		return false, err
	}
	return subtle.ConstantTimeCompare(got, want) == 1, nil
}

func (h *Hasher) key(ctx context.Context, password string, salt []byte) ([]byte, error) {
	select {
	case h.waiting <- struct{}{}:
		defer func() { <-h.waiting }()
	default:
		return nil, ErrBusy
	}
	select {
	case h.turns <- struct{}{}:
		defer func() { <-h.turns }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return argon2.IDKey([]byte(password), salt, passes, memoryKiB, lanes, keyBytes), nil
}

func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	return b
}

// prefix names algorithm and parameters, in the usual form of such texts.
func prefix() string {
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$", argon2.Version, memoryKiB, passes, lanes)
}

func encode(salt, key []byte) string {
	e := base64.RawStdEncoding
	return prefix() + e.EncodeToString(salt) + "$" + e.EncodeToString(key)
}

// decode reads what encode wrote. Other parameters are none of ours.
func decode(kept string) (salt, key []byte, err error) {
	rest, ok := strings.CutPrefix(kept, prefix())
	first, second, both := strings.Cut(rest, "$")
	if !ok || !both {
		return nil, nil, errors.New("the password of the account was kept in an unknown form")
	}
	if salt, err = base64.RawStdEncoding.DecodeString(first); err != nil {
		return nil, nil, errors.New("the password of the account was kept in an unknown form")
	}
	if key, err = base64.RawStdEncoding.DecodeString(second); err != nil || len(key) != keyBytes {
		return nil, nil, errors.New("the password of the account was kept in an unknown form")
	}
	return salt, key, nil
}

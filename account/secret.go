// SPDX-License-Identifier: Apache-2.0

package account

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
)

// Hash stands for a random secret wherever it is kept. The secrets have 256 bits, so
// that one round is enough; passwords have not, and are hashed by Hasher.
type Hash [sha256.Size]byte

// HashOf is what is kept of a secret.
func HashOf(secret string) Hash { return sha256.Sum256([]byte(secret)) }

const secretBytes = 32

// newSecret makes 256 random bits in letters that fit URLs, headers and cookies.
func newSecret() string { return base64.RawURLEncoding.EncodeToString(random(secretBytes)) }

// CSRF is what a page that is ours sends beside the cookie of its session. It follows
// from the session's secret, which pages cannot read and other sites do not know.
func CSRF(secret string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	_, _ = mac.Write([]byte("csrf")) // never fails
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

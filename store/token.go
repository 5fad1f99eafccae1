// SPDX-License-Identifier: Apache-2.0

package store

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unicode"

	"golang.org/x/sys/unix"
)

const (
	// tokenName is the file in the data directory with the administrator's token.
	tokenName = "token"
	minToken  = 16   // contract: at least 16 characters
	maxToken  = 4096 // longer is no token but another file
)

// TokenFile is where the token of a data directory is kept.
func TokenFile(dir string) string { return filepath.Join(dir, tokenName) }

// MakeToken returns the token in the data directory and makes one, of 130 random
// bits, when there is none. Only the owner of the lock may call it.
func MakeToken(dir string) (string, error) {
	path := TokenFile(dir)
	token, err := ReadToken(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return token, err
	}
	token = rand.Text()
	if err := replace(path, []byte(token+"\n")); err != nil { // its files have mode 0600
		return "", fmt.Errorf("make the token file: %w", err)
	}
	return token, nil
}

// ReadToken reads a file that holds a token alone. It must be readable by its
// owner only. No error repeats what stands in it.
func ReadToken(path string) (string, error) {
	token, err := readSecret(path, "token")
	if err != nil {
		return "", err
	}
	if len(token) < minToken || len(token) > maxToken || strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "", fmt.Errorf("read the token: %s holds no token of at least %d visible ASCII characters; when it is removed, a new one is made", path, minToken)
	}
	return token, nil
}

// ReadSecret reads a file that holds a secret alone, on one line. It must be readable by
// its owner only. No error repeats what stands in it.
func ReadSecret(path string) (string, error) {
	secret, err := readSecret(path, "secret")
	if err != nil {
		return "", err
	}
	if secret == "" || len(secret) > maxToken || strings.ContainsFunc(secret, unicode.IsControl) {
		return "", fmt.Errorf("read the secret: %s does not hold one line of at most %d characters", path, maxToken)
	}
	return secret, nil
}

// readSecret reads a small file that nobody else may read, without the white space around.
func readSecret(path, what string) (string, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0) //nolint:gosec // the operator names it; a pipe must not hold us up
	if err != nil {
		return "", fmt.Errorf("read the %s: %w", what, err)
	}
	defer func() { _ = f.Close() }() // it was read
	st, err := f.Stat()
	if err != nil {
		return "", fmt.Errorf("read the %s: %w", what, err)
	}
	if !st.Mode().IsRegular() {
		return "", fmt.Errorf("read the %s: %s is no file", what, path)
	}
	if st.Mode().Perm()&0o077 != 0 {
		return "", fmt.Errorf("read the %s: others can read %s; run chmod 600 on it, and take another %s if they may have", what, path, what)
	}
	data, err := io.ReadAll(io.LimitReader(f, maxToken+1))
	if err != nil {
		return "", fmt.Errorf("read the %s: %w", what, err)
	}
	return strings.TrimSpace(string(data)), nil
}

// SPDX-License-Identifier: Apache-2.0

package account

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

const (
	minPassword = 12
	maxPassword = 256 // bytes; longer costs time and protects no better
)

// CheckPassword reports, wrapping ErrInvalid, whether a password cannot be taken. Length
// is what protects; rules about kinds of letters only make people write it down.
func CheckPassword(name, password string) error {
	switch {
	case utf8.RuneCountInString(password) < minPassword:
		return fmt.Errorf("the password %w: it needs at least %d characters", ErrInvalid, minPassword)
	case len(password) > maxPassword:
		return fmt.Errorf("the password %w: it has more than %d bytes", ErrInvalid, maxPassword)
	case !utf8.ValidString(password):
		return fmt.Errorf("the password %w: it is no text", ErrInvalid)
	}
	bare := strings.ToLower(password)
	if len(name) >= 4 && strings.Contains(bare, name) {
		return fmt.Errorf("the password %w: it holds the name", ErrInvalid)
	}
	if few(bare) || slices.ContainsFunc(worst(), func(w string) bool { return repeats(bare, w) }) {
		return fmt.Errorf("the password %w: it is among the first that are tried", ErrInvalid)
	}
	return nil
}

// few reports whether a text is made of four letters or fewer.
func few(s string) bool {
	seen := map[rune]bool{}
	for _, r := range s {
		seen[r] = true
	}
	return len(seen) < 5
}

// repeats reports whether a password is a bad one, perhaps repeated, with at most
// digits and punctuation around it.
func repeats(s, bad string) bool {
	if s == bad {
		return true
	}
	rest := strings.Trim(strings.ReplaceAll(s, bad, ""), "0123456789!?.,-_*#+$ ")
	return strings.Contains(s, bad) && rest == ""
}

// worst are the starts of most passwords that are tried first, of every length.
func worst() []string {
	return []string{
		"password", "passwort", "passw0rd", "p@ssw0rd", "p@ssword", "kennwort", "motdepasse", "contraseña",
		"123456789012", "1234567890", "0123456789", "987654321", "qwertyuiop", "qwertzuiop", "qwerty", "qwertz", "azerty", "asdfghjkl", "asdfgh",
		"1q2w3e4r5t6y", "1q2w3e4r", "1qaz2wsx3edc", "1qaz2wsx", "q1w2e3r4", "zaq12wsx", "abcdefghijkl", "abcdefgh", "abcdef", "abc123",
		"iloveyou", "letmein", "welcome", "willkommen", "bienvenue", "trustno1", "changeme", "changeit", "default", "secret", "geheim",
		"administrator", "admin", "root", "toor", "operator", "monitor", "superuser", "tidewatch", "netflow", "network", "security", "firewall",
		"dragon", "monkey", "football", "baseball", "sunshine", "princess", "superman", "batman", "starwars", "pokemon", "liverpool", "chelsea",
		"master", "shadow", "michael", "jennifer", "computer", "internet", "whatever", "freedom", "summer", "winter", "spring", "autumn", "sommer",
		"correcthorsebatterystaple", "correct horse battery staple", "thisisapassword", "mypassword", "newpassword", "testtest", "test", "guest", "cisco", "juniper", "mikrotik", "ubnt",
	}
}

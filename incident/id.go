// SPDX-License-Identifier: Apache-2.0

package incident

import (
	"crypto/sha256"
	"encoding/base32"
	"net/netip"
	"strconv"
	"strings"

	"tidewatch/detect"
)

// key is what makes two findings one cause.
type key struct {
	category detect.Category
	group    string // kinds of one category that are causes of their own
	subject  netip.Prefix
}

// groupOf separates kinds that share a category and a subject but not a cause: a
// device that is attacked from one that attacks, too little traffic from too
// much, calls by the clock from a connection that stays open and from what a list says of the other end, one operational trouble from another, and what is scanned from what scans.
func groupOf(c detect.Category, kind string, top *detect.Top) string {
	switch {
	case scanned(c, top):
		return beingScanned
	case kind == "ddos_outbound", kind == "silence", kind == "level_shift", kind == "long_connection", kind == "threat_list", c == detect.Operational:
		return kind
	}
	return ""
}

// beingScanned is the group of what others scan: that explains nothing about the subject.
const beingScanned = "scanned"

// scanned reports whether others scan the subject: only then it has sources.
func scanned(c detect.Category, top *detect.Top) bool {
	return c == detect.Reconnaissance && len(top.Sources) > 0
}

func keyOf(f *detect.Finding) key {
	return key{f.Category, groupOf(f.Category, f.Kind, &f.Top), f.Subject}
}

// newID derives an id from what opened the incident. 80 bits of SHA-256 make a
// collision among a billion incidents less likely than one in a million.
func newID(f *detect.Finding, at birth) string {
	text := strings.Join([]string{
		string(f.Category), f.Kind, f.Subject.String(), strconv.FormatInt(at.second, 10),
	}, "|")
	if at.number > 0 {
		text += "|" + strconv.Itoa(at.number)
	}
	sum := sha256.Sum256([]byte(text))
	return "inc-" + strings.ToLower(base32.StdEncoding.EncodeToString(sum[:10]))
}

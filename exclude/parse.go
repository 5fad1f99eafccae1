// SPDX-License-Identifier: Apache-2.0

package exclude

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"tidewatch/flow"
)

// rule is an exclusion, ready to be asked. An invalid prefix and an empty text are any.
type rule struct {
	device, destination netip.Prefix
	port, proto, kind   string
	entry               *Entry
}

// parse checks what somebody wrote.
func parse(e *Entry) (r rule, err error) {
	r = rule{kind: e.Kind, entry: e}
	if e.Device == "" && e.Destination == "" && e.Port == "" && e.Kind == "" {
		return r, errors.New("it covers everything; name a device, a destination, a port or a kind")
	}
	if err := checkReason(e.Reason); err != nil {
		return r, err
	}
	if err := checkKind(e.Kind); err != nil {
		return r, err
	}
	for _, part := range [...]struct {
		name, text string
		to         *netip.Prefix
	}{{"device", e.Device, &r.device}, {"destination", e.Destination, &r.destination}} {
		if part.text == "" {
			continue
		}
		p, err := flow.ParseNetwork(part.text)
		if err != nil {
			return r, fmt.Errorf("%s: %w", part.name, err)
		}
		if p.Bits() == 0 {
			return r, fmt.Errorf("%s: %s is everything; leave it out", part.name, part.text)
		}
		*part.to = p
	}
	r.port, r.proto, err = portOf(e.Port)
	return r, err
}

// portOf reads a port: a number, a number with its protocol, or a protocol that has
// no ports.
func portOf(text string) (port, proto string, err error) {
	if text == "" {
		return "", "", nil
	}
	number, proto, both := strings.Cut(text, "/")
	n, err := strconv.ParseUint(number, 10, 16)
	switch {
	case err == nil && strconv.FormatUint(n, 10) == number && n > 0 && (!both || known(proto)):
		return number, proto, nil
	case !both && err != nil && known(number):
		return "", number, nil
	}
	return "", "", fmt.Errorf("port: %q is neither a port such as 443 or 443/tcp nor a protocol such as icmp", text)
}

// known reports whether flows may have a protocol of that name.
func known(proto string) bool {
	for n := range 256 {
		if flow.ProtoName(uint8(n)) == proto {
			return true
		}
	}
	return false
}

func checkReason(s string) error {
	if s == "" {
		return errors.New("a reason is needed: why is it harmless? Incidents tell it")
	}
	if utf8.RuneCountInString(s) > maxReason || strings.ContainsFunc(s, func(r rune) bool { return r == utf8.RuneError || !unicode.IsPrint(r) }) {
		return fmt.Errorf("the reason must be one line of at most %d letters that print", maxReason)
	}
	return nil
}

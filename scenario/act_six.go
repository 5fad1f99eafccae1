// SPDX-License-Identifier: Apache-2.0

package scenario

// overSix are acts over IPv6 that are told of above over IPv4, each by a workstation of
// its own. They come last, so that what was there before them stays as it was.
func overSix() []act {
	twins := []struct {
		name string
		who  int
	}{
		{"drip", 27},
		{"insider", 28},
		{"insider-new", 29},
		{"dns-tunnel-slow", 17},
		{"dns-tunnel-fast", 18},
		{"icmp-tunnel-slow", 19},
		{"icmp-tunnel-fast", 20},
		{"beacon", 21},
		{"beacon-10", 22},
		{"beacon-30", 25},
		{"beacon-fibonacci", 26},
	}
	four := append(thefts(), hiddenActs()...)
	six := make([]act, 0, len(twins))
	for i := range twins {
		for k := range four {
			if a := four[k]; a.name == twins[i].name {
				a.name, a.who, a.v6, a.about = sixName(a.name), twins[i].who, true, a.about+", over IPv6"
				six = append(six, a)
			}
		}
	}
	return six
}

// sixName adds a 6, apart where the name ends in a number.
func sixName(name string) string {
	if last := name[len(name)-1]; last >= '0' && last <= '9' {
		return name + "-6"
	}
	return name + "6"
}

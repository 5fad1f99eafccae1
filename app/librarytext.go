// SPDX-License-Identifier: Apache-2.0

package app

import (
	"fmt"
	"io"
	"math"
	"net/netip"
	"strings"
	"text/tabwriter"
	"time"

	"tidewatch/baseline"
	"tidewatch/flow"
	"tidewatch/identity"
	"tidewatch/store"
)

// Overview is what `baseline list` prints.
type Overview struct {
	Current  string          `json:"current"`
	Frozen   bool            `json:"frozen"`
	Devices  int             `json:"devices"`
	Networks []string        `json:"networks"` // whose totals are known
	Versions []store.Version `json:"versions"`
	Remarks  []DeviceRemark  `json:"remarks"`
}

// networksOf names the networks that a store knows.
func networksOf(s *baseline.Store) []string {
	out := []string{}
	for _, a := range s.Addresses() {
		if _, ok := baseline.Network(a); ok {
			out = append(out, baseline.Label(a))
		}
	}
	return out
}

// DeviceRemark is something to look at in what was learned of a device.
type DeviceRemark struct {
	Address string `json:"address"`
	baseline.Remark
}

// Overview lists the versions, and what the audit finds in the one in use.
func (l *Library) Overview() (*Overview, error) {
	o := &Overview{Remarks: []DeviceRemark{}}
	o.Versions, o.Current, o.Frozen = l.Versions()
	s, err := l.Store("")
	if err != nil {
		return nil, err
	}
	o.Networks = networksOf(s)
	o.Devices, _ = s.Counts()
	o.Devices -= len(o.Networks)
	for _, a := range s.Addresses() {
		remarks := s.Audit(a)
		for i := range remarks {
			o.Remarks = append(o.Remarks, DeviceRemark{baseline.Label(a), remarks[i]})
		}
	}
	return o, nil
}

// WriteText prints the overview for people.
func (o *Overview) WriteText(w io.Writer) error {
	if o.Devices == 0 {
		_, err := fmt.Fprintln(w, "nothing was learned yet; "+howToLearn)
		return err
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	line := func(format string, args ...any) { _, _ = fmt.Fprintf(t, format+"\n", args...) }
	line("VERSION\tSTATE\tDEVICES\tSIZE\tNOTE")
	for i := range o.Versions {
		v := &o.Versions[i]
		state := v.State
		if v.ID == o.Current {
			state += ", in use"
		}
		line("%s\t%s\t%d\t%s\t%s", v.ID, state, v.Devices, size(float64(v.Bytes)), v.Note)
	}
	line("\n%s known.", counted(o.Devices, "device"))
	if len(o.Networks) > 0 {
		line("Known as a whole: %s.", strings.Join(o.Networks, ", "))
	}
	if o.Frozen {
		line("Learning is FROZEN; tidewatch baseline freeze --off lets it go on.")
	}
	if len(o.Remarks) > 0 {
		line("\nTo look at (accept with: tidewatch baseline approve ADDRESS --since DAY):")
	}
	for i := range o.Remarks {
		r := &o.Remarks[i]
		line("%s\t%s\t%s", r.Address, r.Since.Format(time.DateOnly), r.Text)
	}
	return t.Flush()
}

// Profile is the usual week of a device, in the site's zone.
type Profile struct {
	baseline.Profile
	Zone string `json:"zone"`
}

// Profile describes a device, by its address or its name in the leases, or a network.
func (l *Library) Profile(device, version, field string) (*Profile, error) {
	key, err := l.key(device)
	if err != nil {
		return nil, err
	}
	s, err := l.Store(version)
	if err != nil {
		return nil, err
	}
	p, ok := s.Profile(key, baseline.Field(field))
	p.Address = device
	if !ok {
		n, _ := s.Counts()
		if n == 0 && version == "" {
			return nil, l.nothing(device + ": ")
		}
		return nil, fmt.Errorf("nothing was learned of %s; %s known", device, counted(n-len(networksOf(s)), "other device"))
	}
	return &Profile{p, l.cfg.zoneName()}, nil
}

// key is what the past of a device is kept under now.
func (l *Library) key(device string) (flow.Addr, error) {
	who, err := whoIs(l.cfg)
	if err != nil {
		return flow.Addr{}, err
	}
	return keyOf(who, device, time.Now().Unix())
}

// keyOf is what the past of a device is kept under at a moment: told by its address,
// or by its name in the leases; or that of a network, told by its prefix, or "site".
func keyOf(who *identity.Table, device string, at int64) (flow.Addr, error) {
	if p, ok := NetworkOf(device); ok {
		return baseline.NetworkKey(p), nil
	}
	if a, err := netip.ParseAddr(device); err == nil {
		return who.Key(flow.AddrFrom(a), at), nil
	}
	if !who.Names() {
		return flow.Addr{}, &InputError{fmt.Errorf("%s is not an address or a network, and identity.leases names no devices", device)}
	}
	return identity.NameKey(device), nil
}

// NetworkOf is the network that people mean by a prefix, or by "site".
func NetworkOf(text string) (netip.Prefix, bool) {
	if text == baseline.SiteName {
		return baseline.Site(), true
	}
	p, err := netip.ParsePrefix(text)
	return p, err == nil && baseline.HasKey(p)
}

// WriteText prints the week as a small heat map, then the hours of the day.
func (p *Profile) WriteText(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	line := func(format string, args ...any) { _, _ = fmt.Fprintf(t, format+"\n", args...) }
	line("%s: %d days with traffic since %s, %d hours kept (%d drifting, %d suspicious, %d ignored)", p.Address, p.DaysLearned,
		p.FirstSeen.Format(time.DateOnly), p.HoursKept, p.Trust["drifting"], p.Trust["suspicious"], p.Trust["ignored"])
	line("%s a day, sent over received %.2f, %d flows analysed", size(p.BytesPerDay), p.UploadRatio, p.Flows)
	line("\n%s an hour, median by hour of the week (%s), darkest %s:\n", p.Field, p.Zone, p.unit(p.peak()))
	line("      0     3     6     9     12    15    18    21")
	for d := range 7 {
		day := time.Weekday((d + 1) % 7)
		line("%s   %s", day.String()[:3], p.heat(int(day)))
	}
	line("\nhour\thours\tmedian\tmean\tstd dev\tMAD\tp95\tp99\texpected next\t")
	from := p.ExpectedFrom
	expected := map[int]float64{}
	zone, err := time.LoadLocation(p.Zone)
	if err != nil {
		zone = time.UTC
	}
	for i, v := range p.Expected {
		expected[from.Add(time.Duration(i)*time.Hour).In(zone).Hour()] = v
	}
	for h := range p.Days {
		s := &p.Days[h]
		line("%02d\t%d\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t", h, s.Count, p.unit(s.Median), p.unit(s.Mean), p.unit(s.StdDev),
			p.unit(s.MAD), p.unit(s.P95), p.unit(s.P99), p.unit(expected[h]))
	}
	line("\n(expected next: what the next 24 hours are compared with)")
	for i := range p.Remarks {
		line("look at: %s", p.Remarks[i].Text)
	}
	return t.Flush()
}

// peak is the largest median of the week.
func (p *Profile) peak() (top float64) {
	for i := range p.Weeks {
		top = max(top, p.Weeks[i].Median)
	}
	return top
}

// heat draws one day: two characters an hour, darker for more, in steps of the
// square root, so that a night of 1 % is not the same as none.
func (p *Profile) heat(day int) string {
	shades := []string{"  ", "··", "░░", "▒▒", "▓▓", "██"}
	var b strings.Builder
	top := p.peak()
	for h := range 24 {
		s := &p.Weeks[day*24+h]
		switch {
		case s.Count == 0:
			b.WriteString("??")
		case s.Median == 0 || top == 0:
			b.WriteString(shades[0])
		default:
			b.WriteString(shades[1+min(4, int(5*math.Sqrt(s.Median/top)))])
		}
	}
	return b.String()
}

func (p *Profile) unit(v float64) string {
	if strings.Contains(string(p.Field), "bytes") {
		return size(v)
	}
	return count(v)
}

// Difference is what `baseline diff` prints.
type Difference struct {
	Before  string            `json:"before"`
	After   string            `json:"after"`
	Changes []baseline.Change `json:"changes"`
}

// Diff compares two versions; after may be "" for what is in use.
func (l *Library) Diff(before, after string) (*Difference, error) {
	if len(l.files.Versions()) == 0 && l.cfg.Absent() != "" {
		return nil, l.nothing("")
	}
	x, err := l.Store(before)
	if err != nil {
		return nil, err
	}
	y, err := l.Store(after)
	if err != nil {
		return nil, err
	}
	d := &Difference{Before: before, After: after, Changes: baseline.Diff(x, y)}
	if d.Changes == nil {
		d.Changes = []baseline.Change{}
	}
	if after == "" {
		d.After = "in use"
	}
	return d, nil
}

// WriteText prints the changes for people.
func (d *Difference) WriteText(w io.Writer) error {
	if len(d.Changes) == 0 {
		_, err := fmt.Fprintf(w, "no device's usual day differs by a tenth between %s and %s\n", d.Before, d.After)
		return err
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for i := range d.Changes {
		c := &d.Changes[i]
		switch c.Kind {
		case "changed":
			_, _ = fmt.Fprintf(t, "%s\t%s %.2f times as much\tmost at %02d:00\t%s -> %s\n", c.Address, c.Measure, c.Factor, c.Hour, size(c.Before), size(c.After))
		default:
			_, _ = fmt.Fprintf(t, "%s\t%s\t\t%s -> %s\n", c.Address, c.Kind, size(c.Before), size(c.After))
		}
	}
	return t.Flush()
}

// WriteText prints what was learned for people.
func (r *Learned) WriteText(w io.Writer) error {
	_, err := fmt.Fprintf(w, "learned from %s of %s; saved as version %s\n", counted(r.Input.Flows, "flow"), counted(r.Version.Devices, "device"), r.Version.ID)
	return err
}

// size prints bytes in powers of 1000.
func size(v float64) string {
	n := count(v)
	if v < 999.5 {
		n += " "
	}
	return n + "B"
}

// count prints a number with three digits and a power of 1000.
func count(v float64) string {
	for _, unit := range []string{"", "k", "M", "G", "T"} {
		if v < 999.5 {
			return strings.TrimSpace(fmt.Sprintf("%.3g %s", v, unit))
		}
		v /= 1000
	}
	return fmt.Sprintf("%.3g P", v)
}

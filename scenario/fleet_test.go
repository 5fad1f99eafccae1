// SPDX-License-Identifier: Apache-2.0

package scenario

import (
	"math"
	"net/netip"
	"slices"
	"testing"
	"time"

	"tidewatch/flow"
)

const day = 24 * time.Hour

// tuesday is the second day of the fleet's default start.
func tuesday() time.Time { return time.Date(2026, 3, 3, 0, 0, 0, 0, time.UTC) }

// TestFleetRoles: every role has its share, every address is one device, and
// both families are there.
func TestFleetRoles(t *testing.T) {
	for _, n := range []int{100, 500, 1337, maxFleet} {
		s := build(t, "fleet", Config{Seed: 1, Devices: n})
		counts, six := map[string]int{}, 0
		seen := map[netip.Addr]bool{}
		for _, d := range s.Devices() {
			counts[d.Role]++
			if seen[d.Addr] || !d.Since.Before(d.Until) {
				t.Fatalf("%d devices: %+v comes twice or never is", n, d)
			}
			seen[d.Addr] = true
			if d.Addr.Is6() {
				six++
			}
			if !slices.ContainsFunc(s.Internal(), func(p netip.Prefix) bool { return p.Contains(d.Addr) }) {
				t.Fatalf("%v is not internal", d.Addr)
			}
		}
		if len(seen) != n || len(counts) != numRoles {
			t.Errorf("%d devices of %d roles, want %d of %d: %v", len(seen), len(counts), n, numRoles, counts)
		}
		for _, r := range fleetRoles() {
			if got := float64(counts[r.name]) / float64(n); math.Abs(got-r.share) > 0.03 {
				t.Errorf("%d devices: %.3f are %s, want %.3f", n, got, r.name, r.share)
			}
		}
		if share := float64(six) / float64(n); share < 0.1 || share > 0.35 {
			t.Errorf("%d devices: %.2f have IPv6 addresses", n, share)
		}
	}
}

// totals sums the bytes that each device sends and receives in [from,to).
func totals(s *Scenario, from, to time.Time) (in, out map[netip.Addr]float64) {
	in, out = map[netip.Addr]float64{}, map[netip.Addr]float64{}
	b := flow.NewBatch(1024)
	for s.Seek(from); s.Now().Before(to) && s.Next(b); b.Reset() {
		for i := range b.Len() {
			out[b.Src[i].Netip()] += float64(b.Bytes[i])
			in[b.Dst[i].Netip()] += float64(b.Bytes[i])
		}
	}
	return in, out
}

// spread is the median and the standard deviation of the logarithms.
func spread(v []float64) (median, deviation float64) {
	slices.Sort(v)
	sum, squares := 0.0, 0.0
	for _, x := range v {
		sum += math.Log(x)
		squares += math.Log(x) * math.Log(x)
	}
	n := float64(len(v))
	return v[len(v)/2], math.Sqrt(squares/n - sum/n*sum/n)
}

// TestFleetVolumes: within a role, volumes are log-normal with the role's median
// and spread.
func TestFleetVolumes(t *testing.T) {
	t.Parallel()
	s := build(t, "fleet", Config{Seed: 2, Devices: 600})
	from := tuesday().Add(9 * time.Hour)
	in, out := totals(s, from, from.Add(3*time.Hour))
	volumes := map[string][]float64{}
	for _, d := range s.Devices() {
		if v := in[d.Addr] + out[d.Addr]; v > 0 && d.Since.Before(from) {
			volumes[d.Role] = append(volumes[d.Role], v/3)
		}
	}
	for _, r := range fleetRoles() {
		if r.name == "file server" || r.name == "recorder" { // theirs is what others fetch and bring
			continue
		}
		median, deviation := spread(volumes[r.name])
		few := 1 / math.Sqrt(float64(len(volumes[r.name])))
		// Days and hours add to the spread, and so do flow sizes where flows are few.
		if deviation < r.spread*(1-2*few) || deviation > 1.35*r.spread+2*few {
			t.Errorf("%s: the logarithms of %d volumes spread by %.2f, want about %.2f", r.name, len(volumes[r.name]), deviation, r.spread)
		}
		want := r.median * r.curve.at(2, 10.5)
		if ratio := math.Log(median / want); math.Abs(ratio) > 0.5+3*r.spread*few {
			t.Errorf("%s: the median is %.3g bytes an hour, want about %.3g", r.name, median, want)
		}
	}
}

// TestFleetRhythm: nights and weekends are quiet where people are, and most
// workstations are off then; cameras never sleep.
func TestFleetRhythm(t *testing.T) {
	t.Parallel()
	s := build(t, "fleet", Config{Seed: 3, Devices: 150})
	roles := map[netip.Addr]string{}
	for _, d := range s.Devices() {
		roles[d.Addr] = d.Role
	}
	measure := func(from time.Time) (volume map[string]float64, active map[string]int) {
		volume, active = map[string]float64{}, map[string]int{}
		in, out := totals(s, from, from.Add(time.Hour))
		for a, role := range roles {
			volume[role] += in[a] + out[a]
			if in[a]+out[a] > 0 {
				active[role]++
			}
		}
		return volume, active
	}
	morning, working := measure(tuesday().Add(10 * time.Hour))
	night, awake := measure(tuesday().Add(27 * time.Hour))
	sunday, _ := measure(tuesday().Add(5*day + 10*time.Hour))
	for what, ok := range map[string]bool{
		"workstations have a tenth of their traffic at night": night["workstation"] < 0.1*morning["workstation"],
		"half of them are off then":                           2*awake["workstation"] < working["workstation"] && awake["workstation"] > 0,
		"Sundays are quiet":                                   sunday["workstation"] < 0.25*morning["workstation"],
		"no printer prints at night":                          awake["printer"] == 0 && working["printer"] > 0,
		"cameras never sleep":                                 awake["camera"] == working["camera"] && night["camera"] > 0.5*morning["camera"],
		"application servers have a quarter at night":         night["application server"] < 0.8*morning["application server"],
	} {
		if !ok {
			t.Errorf("it does not hold that %s:\nmorning %v %v\nnight %v %v\nSunday %v", what, morning, working, night, awake, sunday)
		}
	}
}

// TestFleetDaysAgree: what is unusual about a day, devices of a role share, and
// others share less of it.
func TestFleetDaysAgree(t *testing.T) {
	s := build(t, "fleet", Config{Seed: 4, Devices: 500})
	f := s.fleet
	mean := func(role, from, to int, day int64) float64 {
		sum := 0.0
		for _, i := range f.byRole[role][from:to] {
			sum += f.mood(s.gen, &f.devices[i], (f.firstDay+day)*86400+40_000)
		}
		return sum / float64(to-from)
	}
	var one, other, web, iot []float64
	for day := range int64(300) {
		one = append(one, mean(roleWorkstation, 0, 100, day))
		other = append(other, mean(roleWorkstation, 100, 200, day))
		web = append(web, mean(roleWeb, 0, 20, day))
		iot = append(iot, mean(roleIoT, 0, 100, day))
	}
	same, apart, flat := correlation(one, other), correlation(one, web), correlation(one, iot)
	if same < 0.85 || apart < 0.1 || apart > 0.5 || flat < 0.2 || flat > 0.7 {
		t.Errorf("days correlate by %.2f within a role, %.2f between workstations and web servers, %.2f and IoT", same, apart, flat)
	}
}

func correlation(x, y []float64) float64 {
	var sx, sy, sxx, syy, sxy float64
	for i := range x {
		sx, sy = sx+x[i], sy+y[i]
		sxx, syy, sxy = sxx+x[i]*x[i], syy+y[i]*y[i], sxy+x[i]*y[i]
	}
	n := float64(len(x))
	return (n*sxy - sx*sy) / math.Sqrt((n*sxx-sx*sx)*(n*syy-sy*sy))
}

// TestFleetComesAndGoes: some devices begin or end within the run and are not
// seen outside of that.
func TestFleetComesAndGoes(t *testing.T) {
	t.Parallel()
	s := build(t, "fleet", Config{Seed: 7, Devices: 150, Duration: 2 * day})
	devices := map[flow.Addr]Device{}
	come, leave := 0, 0
	for _, d := range s.Devices() {
		devices[flow.AddrFrom(d.Addr)] = d
		if d.Since.After(s.cfg.Start) {
			come++
		}
		if d.Until.Before(s.cfg.Start.Add(s.cfg.Duration)) {
			leave++
		}
	}
	if come < 2 || come > 20 || leave < 2 || leave > 20 {
		t.Errorf("of 150 devices %d come and %d go", come, leave)
	}
	each(s, func(r *flow.Record) {
		for _, a := range []flow.Addr{r.Src, r.Dst} {
			d, ok := devices[a]
			if ok && (d.Since.After(s.cfg.Start) && time.Unix(0, r.End).Before(d.Since) || time.Unix(0, r.Start).After(d.Until.Add((turn+longestTalk)*time.Second))) {
				t.Fatalf("%+v is there from %v to %v, but %+v", d.Addr, d.Since, d.Until, r)
			}
		}
	})
}

// TestFleetBackups: who has a backup sends gigabytes to one address outside at
// night, and others send nothing like it.
func TestFleetBackups(t *testing.T) {
	t.Parallel()
	s := build(t, "fleet", Config{Seed: 8, Devices: 150})
	sent := map[netip.Addr]map[netip.Addr]float64{}
	b := flow.NewBatch(1024)
	from := tuesday().Add(30 * time.Minute)
	for s.Seek(from); s.Now().Before(from.Add(6*time.Hour)) && s.Next(b); b.Reset() {
		for i := range b.Len() {
			src, dst := b.Src[i].Netip(), b.Dst[i].Netip()
			if sent[src] == nil {
				sent[src] = map[netip.Addr]float64{}
			}
			sent[src][dst] += float64(b.Bytes[i])
		}
	}
	backups := 0
	for _, d := range s.Devices() {
		most, all := 0.0, 0.0
		for _, v := range sent[d.Addr] {
			most, all = max(most, v), all+v
		}
		if d.Backup && d.Since.Before(from) && d.Until.After(from.Add(day)) {
			backups++
			if most < 0.3e9 {
				t.Errorf("%s %v has a backup of %.3g bytes, %.3g to one address", d.Role, d.Addr, all, most)
			}
		}
		if d.Role == "workstation" && most > 3e9 {
			t.Errorf("workstation %v sends %.3g bytes to one address at night", d.Addr, most)
		}
	}
	if backups < 2 {
		t.Errorf("%d backups", backups)
	}
}

// TestPareto: mean 1, cut at the span.
func TestPareto(t *testing.T) {
	for _, alpha := range []float64{1.3, 1.6, 2} {
		d := newDraw()
		sum, least, most := 0.0, math.Inf(1), 0.0
		const n = 400_000
		for range n {
			x := d.pareto(alpha)
			sum, least, most = sum+x, min(least, x), max(most, x)
		}
		if !near(sum/n, 1, 0.05) || most > paretoSpan*least || least < 0.2 || most < 30 {
			t.Errorf("index %g: mean %.3f, from %.3f to %.1f", alpha, sum/n, least, most)
		}
	}
}

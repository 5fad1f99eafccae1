// SPDX-License-Identifier: Apache-2.0

package app

import (
	"fmt"
	"net/netip"
	"time"

	"tidewatch/scenario"
	"tidewatch/schedule"
)

// demoHour is the hour that it is at the site of the demo, wherever and whenever it is
// shown: late enough for data to leave at night (exfil.off_from), and early enough for
// the shop to have customers.
const demoHour = 23

// Once everything listens, the first play begins after demoCalm of nothing but ordinary
// traffic; a scenario lasts for demoLasts, and then another one follows.
const (
	demoDays  = 30
	demoCalm  = 8 * time.Second
	demoLasts = 24 * time.Hour
)

// demoZone is the zone of whole hours in which it is demoHour now. Names below Etc have
// the sign of POSIX: Etc/GMT-9 is nine hours ahead of UTC.
func demoZone(now time.Time) string {
	switch ahead := demoHour - now.UTC().Hour(); {
	case ahead == 0:
		return "UTC"
	case ahead > 14: // no zone is farther ahead
		return fmt.Sprintf("Etc/GMT+%d", 24-ahead)
	default:
		return fmt.Sprintf("Etc/GMT-%d", ahead)
	}
}

// demoNetwork is the simulated network: an office of sixty people with servers, printers
// and a camera, and a web shop. What it does in a second follows from the seed and that
// second alone, so that the month and what comes after it are one. Its sessions are few
// and heavy, in the month and live alike, so that what is learned fits what comes.
func demoNetwork(seed uint64, zone *time.Location, start time.Time, lasts time.Duration) scenario.Config {
	return scenario.Config{Seed: seed, Zone: zone, Start: start, Duration: lasts, ShopRate: 12, FlowsPerSecond: 2.5}
}

// demoActs is what goes on in that network from a moment on, for a day.
func demoActs(seed uint64, zone *time.Location, start time.Time) (*scenario.Scenario, error) {
	cfg := demoNetwork(seed, zone, start, demoLasts)
	cfg.AttackAt = demoCalm
	return scenario.New("demo", cfg)
}

// demoConfig is the default configuration with the demo's networks, zone and folder, and
// with what its people know: a campaign that was planned.
func demoConfig(dir string, now time.Time) *Config {
	cfg := DefaultConfig()
	cfg.DataDir, cfg.Timezone = dir, demoZone(now)
	return &cfg
}

// own says which networks are the site's.
func (c *Config) own(all []netip.Prefix) { c.Enrich.Internal, c.Mitigation.Guard.Own = all, all }

// demoCampaign is the event that the campaign's customers are told by.
func demoCampaign(from time.Time) schedule.Event {
	no := false
	return schedule.Event{
		Name: "spring sale", Start: from.Format(time.RFC3339), Duration: demoLasts.String(),
		Effects: schedule.Effects{Targets: []string{"10.20.0.11", "fd10:14::b"}, Alert: &no, Learn: &no},
	}
}

// SPDX-License-Identifier: Apache-2.0

package app

// CheckFiles reads the files that the configuration names as serve does at its start:
// databases of countries, names and leases, calendars. The error names the first that
// is broken.
func (c *Config) CheckFiles() error {
	if _, err := openGeo(c); err != nil {
		return &InputError{err}
	}
	if _, err := whoIs(c); err != nil {
		return &InputError{err}
	}
	if _, _, err := c.outlets(); err != nil {
		return &InputError{err}
	}
	if c.Triage.On() {
		if _, err := triageKey(&c.Triage); err != nil {
			return &InputError{err}
		}
	}
	_, err := newSchedule(c)
	return err
}

// SPDX-License-Identifier: Apache-2.0

package schedule

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

// fromCalendar builds a schedule from the inner part of a VCALENDAR.
func fromCalendar(tb testing.TB, zoneName, inner string) (*Schedule, error) {
	tb.Helper()
	text := "BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:-//test//EN\n" + inner + "\nEND:VCALENDAR\n"
	return New(&Config{Calendars: []Calendar{{File: "test.ics", Effects: quiet()}}}, zone(tb, zoneName), map[string][]byte{"test.ics": []byte(text)})
}

func vevent(lines ...string) string {
	return "BEGIN:VEVENT\n" + strings.Join(lines, "\n") + "\nEND:VEVENT"
}

const outlook = `BEGIN:VTIMEZONE
TZID:W. Europe Standard Time
BEGIN:STANDARD
DTSTART:16010101T030000
TZOFFSETFROM:+0200
TZOFFSETTO:+0100
RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=10
END:STANDARD
BEGIN:DAYLIGHT
DTSTART:16010101T020000
TZOFFSETFROM:+0100
TZOFFSETTO:+0200
RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=3
END:DAYLIGHT
END:VTIMEZONE
`

func TestCalendars(t *testing.T) {
	for name, tc := range map[string]struct{ inner, from, to, want string }{
		"floating time is the site's": {
			vevent("DTSTART:20261101T120000", "DTEND:20261101T130000"),
			"2026-11-01 00:00:00", "2026-11-02 00:00:00", "1101T1100/1101T1200",
		},
		"UTC stays UTC all year": {
			vevent("DTSTART:20260301T120000Z", "DURATION:PT1H", "RRULE:FREQ=MONTHLY"),
			"2026-03-01 00:00:00", "2026-04-02 00:00:00", "0301T1200/0301T1300 0401T1200/0401T1300",
		},
		"a zone of its own, quoted": {
			vevent(`DTSTART;TZID="America/New_York":20260308T023000`, "DURATION:PT15M"),
			"2026-03-01 00:00:00", "2026-04-02 00:00:00", "0308T0730/0308T0745",
		},
		"a zone behind a vendor's prefix": {
			vevent("DTSTART;TZID=/freeassociation.sourceforge.net/America/New_York:20260308T023000", "DURATION:PT15M"),
			"2026-03-01 00:00:00", "2026-04-02 00:00:00", "0308T0730/0308T0745",
		},
		"Outlook's name for the site's zone": {
			outlook + vevent("DTSTART;TZID=W. Europe Standard Time:20260328T023000", "DURATION:PT15M", "RRULE:FREQ=DAILY;COUNT=3"),
			"2026-03-01 00:00:00", "2026-04-02 00:00:00", "0328T0130/0328T0145 0329T0130/0329T0145 0330T0030/0330T0045",
		},
		"DTEND takes exactly as long each time, days of DURATION are the clock's": {
			vevent("DTSTART:20260328T230000", "DTEND:20260329T050000", "RRULE:FREQ=DAILY;COUNT=2") +
				"\n" + vevent("DTSTART:20260328T060000", "DURATION:P1D"),
			"2026-03-28 00:00:00", "2026-03-31 00:00:00", "0328T2200/0329T0300 0329T2100/0330T0200 0328T0500/0329T0400",
		},
		"whole days, the end left out": {
			vevent("DTSTART;VALUE=DATE:20261224", "DTEND;VALUE=DATE:20261227") + "\n" + vevent("DTSTART;VALUE=DATE:20261231"),
			"2026-12-01 00:00:00", "2027-01-02 00:00:00", "1223T2300/1226T2300 1230T2300/1231T2300",
		},
		"left out, added": {
			vevent("DTSTART:20261101T120000", "DURATION:PT1H", "RRULE:FREQ=DAILY;COUNT=4", "EXDATE:20261102T120000,20261103T120000", "EXDATE;VALUE=DATE:20261104", "RDATE:20261110T110000Z"),
			"2026-11-01 00:00:00", "2026-12-01 00:00:00", "1101T1100/1101T1200 1110T1100/1110T1200",
		},
		"one of a series moved, one called off": {
			vevent("UID:a", "DTSTART:20261101T120000", "DURATION:PT1H", "RRULE:FREQ=DAILY;COUNT=3") + "\n" +
				vevent("UID:a", "RECURRENCE-ID:20261102T120000", "DTSTART:20261102T150000", "DURATION:PT1H") + "\n" +
				vevent("UID:a", "RECURRENCE-ID:20261103T120000", "STATUS:CANCELLED", "DTSTART:20261103T120000", "DURATION:PT1H"),
			"2026-11-01 00:00:00", "2026-12-01 00:00:00", "1101T1100/1101T1200 1102T1400/1102T1500",
		},
		"folded lines, alarms, what does not matter": {
			vevent("SUM", " MARY:Long\n  name", "DTSTART:202611", " 01T120000", "DURATION:PT1H", "DESCRIPTION;broken:"+strings.Repeat("x", 2*maxLine),
				"BEGIN:VALARM", "TRIGGER:-PT15M", "DURATION:PT5M", "DTSTART:nonsense", "END:VALARM"),
			"2026-11-01 00:00:00", "2026-12-01 00:00:00", "1101T1100/1101T1200",
		},
		"a reminder takes no time": {
			vevent("DTSTART:20261101T120000"), "2026-11-01 00:00:00", "2026-12-01 00:00:00", "",
		},
	} {
		s, err := fromCalendar(t, "Europe/Berlin", tc.inner)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := strings.Join(occurrences(t, s, tc.from, tc.to), " "); got != tc.want {
			t.Errorf("%s: %s, want %s", name, got, tc.want)
		}
	}
}

func TestRefusedCalendars(t *testing.T) {
	when := "DTSTART:20261101T120000"
	for want, inner := range map[string]string{
		`event "Move of the mail servers" at line 4: no DTSTART`: vevent("SUMMARY:Move of the\\n mail servers"),
		`line 5: DTSTART "soon" is no time`:                      vevent("DTSTART:soon"),
		`a second DTSTART`:                                       vevent(when, when),
		`DTEND must not be before`:                               vevent(when, "DTEND:20261101T110000"),
		`DTEND and DURATION`:                                     vevent(when, "DTEND:20261101T130000", "DURATION:PT1H"),
		`must both be days`:                                      vevent(when, "DTEND;VALUE=DATE:20261101"),
		`DURATION "-PT1H"`:                                       vevent(when, "DURATION:-PT1H"),
		`longer than ten years`:                                  vevent(when, "DURATION:P999999999W"),
		`EXRULE`:                                                 vevent(when, "DURATION:PT1H", "EXRULE:FREQ=DAILY"),
		`finer than HOURLY`:                                      vevent(when, "DURATION:PT1H", "RRULE:FREQ=SECONDLY"),
		`VALUE="PERIOD" is not supported`:                        vevent(when, "DURATION:PT1H", "RDATE;VALUE=PERIOD:20261101T120000/PT1H"),
		`time zone "Middle Earth" is neither`:                    vevent("DTSTART;TZID=Middle Earth:20261101T120000"),
		`time zone "Local"`:                                      vevent("DTSTART;TZID=Local:20261101T120000"),
		`RANGE is not supported`:                                 vevent("RECURRENCE-ID;RANGE=THISANDFUTURE:20261101T120000", when),
		`without UID`:                                            vevent("RECURRENCE-ID:20261101T120000", when),
		`END:"VALARM" without its BEGIN`:                         vevent(when, "END:VALARM"),
		`components lie more than`:                               strings.Repeat("BEGIN:A\n", 20),
		`is no property`:                                         vevent("what is this"),
		`parameter "TZID" has a quote`:                           vevent(`DTSTART;TZID="a:20261101T120000`),
		`parameter "TZID" is not followed`:                       vevent(`DTSTART;TZID=a`),
		`SUMMARY has more than`:                                  vevent("SUMMARY:" + strings.Repeat("x", maxLine)),
	} {
		_, err := fromCalendar(t, "UTC", inner)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "calendar test.ics: ") {
			t.Errorf("error %v, want one with %q that names the file", err, want)
		}
	}
	for text, want := range map[string]string{
		"":                                 "this is no iCalendar file",
		"<html>":                           "is no property",
		"HTTP:404\n":                       "this is no iCalendar file",
		"BEGIN:VCARD\nEND:VCARD\n":         "BEGIN:VCALENDAR is expected",
		"BEGIN:VCALENDAR\nBEGIN:VEVENT\n":  "it is cut off",
		strings.Repeat("x", maxCalendar+1): "larger than 16 MiB",
	} {
		b := newBuilder(time.UTC)
		if err := b.calendar([]byte(text), &Calendar{}, &effects{}, &b.list); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.30q: error %v, want one with %q", text, err, want)
		}
	}
	if _, err := New(&Config{Holidays: []string{"a.ics"}}, time.UTC, nil); err == nil {
		t.Error("a file that was not read is accepted")
	}
}

func TestEventNames(t *testing.T) {
	s, err := fromCalendar(t, "UTC", vevent("SUMMARY:Mail\\, move\\n\x1b[31m \xff"+strings.Repeat("é", 100), "DTSTART:20261101T120000", "DURATION:PT1H")+"\n"+
		vevent("DTSTART:20261101T120000", "DURATION:PT1H"))
	if err != nil {
		t.Fatal(err)
	}
	if n := s.events[0].name; !strings.HasPrefix(n, "Mail, move [31m ?é") || len(n) > maxName || !strings.HasSuffix(n, "é…") {
		t.Errorf("name %q", n)
	}
	if n := s.events[1].name; n != "unnamed event" {
		t.Errorf("name %q", n)
	}
}

func TestHolidays(t *testing.T) {
	text, err := os.ReadFile("testdata/holidays.ics")
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(&Config{Holidays: []string{"h"}}, zone(t, "America/New_York"), map[string][]byte{"h": text})
	if err != nil {
		t.Fatal(err)
	}
	v := s.View()
	for day, want := range map[string]bool{
		"2025-12-25 23:59:59": true, "2026-12-25 00:00:00": true, "2026-12-26 12:00:00": true, "2026-12-24 23:59:59": false, "2026-12-27 00:00:00": false,
		"2026-04-06 12:00:00": true, "2027-04-06 12:00:00": false, "2027-01-01 00:00:01": true, "2020-02-29 12:00:00": false,
	} {
		at := time.Unix(clock(t, day).unix(s.zone), 0)
		if got := v.Holiday(at); got != want {
			t.Errorf("%s is a holiday: %v, want %v", day, got, want)
		}
	}
	if n := testing.AllocsPerRun(100, func() { v.Holiday(at(t, "2026-12-25 12:00:00")) }); n != 0 {
		t.Errorf("asking for a day allocates %v times", n)
	}
	if e := v.At(addr("10.0.0.1"), at(t, "2026-12-25 12:00:00"), ""); e.Name != "" {
		t.Errorf("a holiday has effects: %+v", e)
	}
}

// Whatever a calendar holds, it is read or refused in one line, and what was
// read can be asked.
func FuzzCalendar(f *testing.F) {
	holidays, err := os.ReadFile("testdata/holidays.ics")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(holidays)
	wrap := func(s string) []byte {
		return []byte("BEGIN:VCALENDAR\r\n" + s + "\r\nEND:VCALENDAR\r\n")
	}
	f.Add(wrap(outlook + vevent("DTSTART;TZID=W. Europe Standard Time:20260328T023000", "DURATION:PT15M", "RRULE:FREQ=DAILY;COUNT=3")))
	f.Add(wrap(vevent("UID:a", "DTSTART:19000101T120000", "DTEND:19000102T120000", "RRULE:FREQ=MONTHLY;BYDAY=-1SU,2MO;BYSETPOS=-1;UNTIL=21000101T000000Z", "EXDATE:20261102T120000", "RDATE;TZID=Europe/Berlin:20261102T120000")))
	f.Add(wrap(vevent("DTSTART;X=\"a\",b;VALUE=DATE:20261224", "DURATION:P1W2DT3H4M5S", "RRULE:FREQ=HOURLY;INTERVAL=4;BYHOUR=1")))
	f.Add(wrap(vevent("DTSTART;VALUE=\x00:")))
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := New(&Config{Calendars: []Calendar{{File: "f", Effects: quiet()}}, Holidays: []string{"f"}}, time.UTC, map[string][]byte{"f": text})
		if err != nil {
			if strings.ContainsFunc(err.Error(), control) {
				t.Errorf("the error has more than one line: %q", err)
			}
			return
		}
		if bytes.Count(text, []byte("BEGIN")) > 50 {
			return
		}
		v := s.View()
		for _, year := range []int{1899, 1970, 2026, 2201} {
			from := time.Date(year, 3, 1, 0, 0, 0, 0, time.UTC)
			v.Holiday(from)
			v.Over(addr("10.0.0.1"), from, from.Add(Range), "")
			for i := range s.Len() {
				next := s.Upcoming(i, from, 3)
				if p := s.Plan(i); p.Name == "" || len(p.Name) > maxName || p.ID == "" {
					t.Errorf("plan %+v", p)
				}
				over, ends := s.Over(i)
				last := time.Time{}
				for _, o := range next {
					if !o.End.After(o.Start) || !o.End.After(from) || o.Start.Before(last) || ends && o.End.After(over) {
						t.Errorf("occurrence %s", fmt.Sprint(o))
					}
					last = o.End
				}
			}
		}
	})
}

// SPDX-License-Identifier: Apache-2.0

// Times of the site's zone, which need not be the browser's: who calls from elsewhere
// about 03:14 must see 03:14.

const options: Intl.DateTimeFormatOptions = {
  year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23',
}

/** known is the format of a zone; of the browser's when the zone is not known here. */
function known(zone: string): Intl.DateTimeFormat {
  try {
    return new Intl.DateTimeFormat('en-CA', zone === '' ? options : { ...options, timeZone: zone })
  } catch {
    return new Intl.DateTimeFormat('en-CA', options)
  }
}

let site = known('')

/** setSite says in which zone the site is. */
export function setSite(zone: string): void {
  site = known(zone)
}

/** when writes a time of the site's zone: 2026-11-27 14:03:07. */
export const when = (t: string | Date) => site.format(new Date(t)).replace(',', '')

/** inZone writes a time of a zone, of the site's when none is named. */
export const inZone = (t: string, zone: string) => (zone === '' ? site : known(zone)).format(new Date(t)).replace(',', '')

/** called is a zone as people call it; those that are a number only have the sign of POSIX. */
export const called = (zone: string) => zone.replace(/^Etc\/GMT([+-])(\d+)$/, (_, sign: string, hours: string) => 'UTC' + (sign === '-' ? '+' : '−') + hours)

/** wall is a date that reads, in the browser's zone, as the clock of the site does at a moment. */
export const wall = (seconds: number) => new Date(when(new Date(1000 * seconds)).replace(' ', 'T'))

/** field writes a moment as a field of date and time has it, by the site's clock; '' when it is none. */
export const field = (t: string) => (Number.isNaN(Date.parse(t)) ? '' : when(t).replace(' ', 'T').slice(0, 16))

/** moment is what such a field says, as RFC 3339 in UTC. An hour that the clock has twice
 * is the first one; in one that it jumps over, the time goes on as if it had not. */
export function moment(text: string): string {
  const shown = (t: number) => Date.parse(when(new Date(t)).replace(' ', 'T') + 'Z')
  const wanted = Date.parse(text + 'Z')
  const [before, after] = [-86_400_000, 86_400_000].map((d) => wanted - (shown(wanted + d) - (wanted + d))) as [number, number]
  return new Date(shown(before) === wanted || shown(after) !== wanted ? before : after).toISOString()
}

/** hourOfWeek counts from Sunday at midnight of a zone, as baselines do. */
export function hourOfWeek(seconds: number, zone: string): number {
  const t = new Date(inZone(new Date(1000 * seconds).toISOString(), zone).replace(' ', 'T') + 'Z')
  return 24 * t.getUTCDay() + t.getUTCHours()
}

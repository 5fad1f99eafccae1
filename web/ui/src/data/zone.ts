// SPDX-License-Identifier: Apache-2.0

// Times of the site's zone, which need not be the browser's.

/** inZone writes a time of a zone; of the browser's when the zone is not known here. */
export function inZone(t: string, zone: string): string {
  const options: Intl.DateTimeFormatOptions = {
    year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23',
  }
  let format: Intl.DateTimeFormat
  try {
    format = new Intl.DateTimeFormat('en-CA', zone === '' ? options : { ...options, timeZone: zone })
  } catch {
    format = new Intl.DateTimeFormat('en-CA', options)
  }
  return format.format(new Date(t)).replace(',', '')
}

/** wall is a date that reads, in the browser's zone, as the clock of a zone does at a moment. */
export const wall = (seconds: number, zone: string) => new Date(zone === '' ? 1000 * seconds : inZone(new Date(1000 * seconds).toISOString(), zone).replace(' ', 'T'))

/** hourOfWeek counts from Sunday at midnight of a zone, as baselines do. */
export function hourOfWeek(seconds: number, zone: string): number {
  const parts = (z?: string) => new Intl.DateTimeFormat('en-US', { weekday: 'short', hour: '2-digit', hourCycle: 'h23', timeZone: z }).formatToParts(new Date(1000 * seconds))
  let got: Intl.DateTimeFormatPart[]
  try {
    got = parts(zone === '' ? undefined : zone)
  } catch {
    got = parts()
  }
  const day = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'].indexOf(got.find((p) => p.type === 'weekday')?.value ?? '')
  return 24 * Math.max(0, day) + Number(got.find((p) => p.type === 'hour')?.value ?? 0)
}

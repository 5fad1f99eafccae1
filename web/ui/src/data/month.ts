// SPDX-License-Identifier: Apache-2.0

// A month as a page of a calendar: weeks from Monday on, days as 2026-12-01.

export interface Occurrence {
  id: string
  name: string
  start: string // with the offset of the site
  end: string
  origin: string
}

const dayOf = (ms: number) => new Date(ms).toISOString().slice(0, 10)
const noon = (day: string) => Date.parse(day + 'T12:00:00Z')

/** shifted is the day so many days later. */
export const shifted = (day: string, days: number) => dayOf(noon(day) + days * 86_400_000)

/** turned is the month so many months later. */
export function turned(month: string, months: number): string {
  const n = 12 * Number(month.slice(0, 4)) + Number(month.slice(5, 7)) - 1 + months
  return String(Math.floor(n / 12)).padStart(4, '0') + '-' + String((n % 12) + 1).padStart(2, '0')
}

/** weeks are the days that a page shows, those beside the month, too. */
export function weeks(month: string): string[][] {
  const first = month + '-01'
  const weekday = (new Date(noon(first)).getUTCDay() + 6) % 7
  const out: string[][] = []
  for (let day = shifted(first, -weekday); out.length === 0 || day.slice(0, 7) === month; ) {
    const week: string[] = []
    for (let i = 0; i < 7; i++, day = shifted(day, 1)) week.push(day)
    out.push(week)
  }
  return out
}

/** byDay puts each occurrence on all days of the site's clock that it touches; one that ends at midnight is over with the day before. */
export function byDay(all: Occurrence[]): Map<string, Occurrence[]> {
  const out = new Map<string, Occurrence[]>()
  for (const o of all) {
    const first = o.start.slice(0, 10)
    const until = o.end.slice(0, 10)
    const last = o.end.slice(11, 19) === '00:00:00' && until > first ? shifted(until, -1) : until
    let day = first
    for (let n = 0; day <= last && n < 400; n++, day = shifted(day, 1)) out.set(day, [...(out.get(day) ?? []), o])
  }
  return out
}

// SPDX-License-Identifier: Apache-2.0

// Scheduled events: the form in which one is planned, and the request that it makes.

import { inZone } from './zone'

export interface Planned {
  id: string
  origin: 'configuration' | 'calendar' | 'people'
  file?: string
  name: string
  start: string
  end?: string
  duration?: string
  rrule?: string
  exdates?: string[]
  targets?: string[]
  kinds?: string[]
  alert?: boolean
  learn?: boolean
  expect?: number
  by?: string
  note?: string
  added?: string
  over?: boolean
  next: { start: string; end: string }[]
}

/** stated is a time as it was planned, which may stand in any zone, by the clock of a zone; one of that clock stays as it is. */
export const stated = (t: string, zone: string) =>
  /(Z|[+-]\d\d:\d\d)$/.test(t) && !Number.isNaN(Date.parse(t)) ? inZone(t, zone).replace(/:00$/, '') : t.replace('T', ' ')

/** lasts is a duration as people write it: 24h of 24h0m0s. */
export const lasts = (d: string) => d.replace(/m0s$/, 'm').replace(/h0m$/, 'h')

export interface Form {
  name: string
  whole: boolean // days, no times
  start: string // of the site's clock, as fields of a browser hold it: 2026-12-01T22:00 or 2026-12-01
  ends: 'duration' | 'end'
  end: string
  duration: string
  repeat: string // a rule, '' for once, 'own' for rrule
  rrule: string
  targets: string
  silent: boolean
  kinds: string[]
  unlearned: boolean
  expect: string
  note: string
}

export const repeats = [
  { value: '', name: 'once' }, { value: 'FREQ=DAILY', name: 'each day' }, { value: 'FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR', name: 'Monday to Friday' },
  { value: 'FREQ=WEEKLY', name: 'each week' }, { value: 'FREQ=MONTHLY', name: 'each month' }, { value: 'FREQ=YEARLY', name: 'each year' }, { value: 'own', name: 'by a rule (RFC 5545)' },
]

const list = (text: string) => text.split(/[\s,;]+/).filter((s) => s !== '')

/** clock turns a time of an address into one of the site's clock. */
function clock(text: string, zone: string): string {
  const plain = text.trim().replace(' ', 'T')
  if (/(Z|[+-]\d\d:\d\d)$/.test(plain) && !Number.isNaN(Date.parse(plain))) return inZone(plain, zone).slice(0, 16).replace(' ', 'T')
  return /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d)?)?$/.test(plain) ? plain.slice(0, 16) : ''
}

/** form is what is planned as an address says it; without one it keeps alerts back. */
export function form(p: URLSearchParams, zone: string): Form {
  const start = clock(p.get('start') ?? '', zone)
  const end = clock(p.get('end') ?? '', zone)
  const rrule = p.get('rrule') ?? ''
  const whole = start.length === 10
  const fits = (t: string) => (t === '' ? '' : whole ? t.slice(0, 10) : t.length === 10 ? t + 'T00:00' : t)
  const effects = ['alert', 'learn', 'expect'].some((k) => p.has(k))
  return {
    name: p.get('name') ?? '', whole, start, ends: end === '' ? 'duration' : 'end', end: fits(end), duration: p.get('duration') ?? '2h',
    repeat: repeats.some((r) => r.value === rrule) ? rrule : 'own', rrule, targets: list(p.get('targets') ?? '').join(', '),
    silent: effects ? p.get('alert') === 'false' : true, kinds: list(p.get('kinds') ?? ''), unlearned: p.get('learn') === 'false', expect: p.get('expect') ?? '', note: p.get('note') ?? '',
  }
}

/** request is the body to send; undefined with a sentence about the first thing that is wrong. */
export function request(f: Form): { body?: Record<string, unknown>; wrong: string } {
  const site = (t: string) => t.replace('T', ' ')
  if (f.name.trim() === '') return { wrong: 'The event needs a name' }
  if (f.start === '') return { wrong: 'When does it start?' }
  const body: Record<string, unknown> = { name: f.name.trim(), start: site(f.start) }
  if (f.ends === 'end' || f.whole) {
    if (f.end !== '') {
      if (f.end < f.start) return { wrong: 'It ends before it starts' }
      body['end'] = site(f.end)
    } else if (!f.whole) return { wrong: 'When does it end?' }
  } else {
    if (!/^(\d+(\.\d+)?(h|m|s))+$/.test(f.duration.trim())) return { wrong: 'How long it lasts is written as 3h30m or 45m' }
    body['duration'] = f.duration.trim()
  }
  const rule = f.repeat === 'own' ? f.rrule.trim() : f.repeat
  if (f.repeat === 'own' && rule === '') return { wrong: 'The rule is missing, such as FREQ=MONTHLY;BYDAY=-1FR' }
  if (rule !== '') body['rrule'] = rule
  const targets = list(f.targets)
  if (targets.length > 0) body['targets'] = targets
  if (f.silent) body['alert'] = false
  if (f.silent && f.kinds.length > 0) body['kinds'] = f.kinds
  if (f.unlearned) body['learn'] = false
  if (f.expect.trim() !== '') {
    const n = Number(f.expect)
    if (!(n >= 1)) return { wrong: 'How many times the usual is a number from 1' }
    if (n > 1) body['expect'] = n
  }
  if (!('alert' in body) && !('learn' in body) && !('expect' in body)) return { wrong: 'It would have no effect: choose one' }
  if (f.note.trim() !== '') body['note'] = f.note.trim()
  return { body, wrong: '' }
}

/** effects says what an event does. */
export function effects(e: Planned): string[] {
  const out: string[] = []
  if (e.alert === false) out.push(e.kinds && e.kinds.length > 0 ? 'no alerts of ' + e.kinds.join(', ') : 'no alerts')
  if (e.learn === false) out.push('nothing learned')
  if (e.expect !== undefined && e.expect > 1) out.push('up to ' + e.expect + ' × usual is normal')
  return out
}

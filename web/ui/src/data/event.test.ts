// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest'

import { effects, form, lasts, request, stated, type Planned } from './event'

const blank = () => form(new URLSearchParams(), 'UTC')

describe('an event that is planned', () => {
  it('comes from the address', () => {
    const f = form(new URLSearchParams('name=backup&targets=10.0.0.1,2001:db8::/32&start=2026-12-01T22:30:00Z&duration=3h&rrule=FREQ=DAILY&kinds=volume&alert=false&note=t'), 'Europe/Berlin')
    expect(request(f)).toEqual({
      wrong: '',
      body: { name: 'backup', start: '2026-12-01 23:30', duration: '3h', rrule: 'FREQ=DAILY', targets: ['10.0.0.1', '2001:db8::/32'], alert: false, kinds: ['volume'], note: 't' },
    })
  })
  it('may be whole days, and expect more', () => {
    const f = form(new URLSearchParams('name=sale&start=2026-12-01&end=2026-12-03&expect=5'), '')
    expect(request(f).body).toEqual({ name: 'sale', start: '2026-12-01', end: '2026-12-03', expect: 5 })
    expect(request({ ...f, end: '' }).body).toEqual({ name: 'sale', start: '2026-12-01', expect: 5 })
  })
  it.each([
    ['needs a name', { name: '' }, 'name'],
    ['needs a start', { start: '' }, 'start'],
    ['needs a length', { duration: 'long' }, '3h30m'],
    ['ends after its start', { ends: 'end' as const, end: '2026-12-01T09:00' }, 'before'],
    ['does something', { silent: false }, 'no effect'],
    ['does something when it expects the usual', { silent: false, expect: '1' }, 'no effect'],
    ['expects a number', { expect: '0.5' }, 'number'],
    ['needs its rule', { repeat: 'own', rrule: '' }, 'rule'],
  ])('%s', (_, wrong, word) => {
    const good = { ...blank(), name: 'x', start: '2026-12-01T10:00' }
    expect(request(good).body).toBeDefined()
    expect(request({ ...good, ...wrong }).body).toBeUndefined()
    expect(request({ ...good, ...wrong }).wrong).toContain(word)
  })
  it('keeps no kinds of alerts that it does not keep back', () => {
    expect(request({ ...blank(), name: 'x', start: '2026-12-01T10:00', silent: false, unlearned: true, kinds: ['ddos'] }).body).not.toHaveProperty('kinds')
  })
})

it('an event says what it does', () => {
  const e: Planned = { id: '', origin: 'people', name: '', start: '', next: [], alert: false, kinds: ['volume'], learn: false, expect: 3 }
  expect(effects(e)).toEqual(['no alerts of volume', 'nothing learned', 'up to 3 × usual is normal'])
})

describe('a time of an event', () => {
  it.each([
    ['2026-12-01T22:30:00Z', '2026-12-01 23:30'],
    ['2026-12-01T22:30:15+02:00', '2026-12-01 21:30:15'],
    ['2026-12-01 22:30', '2026-12-01 22:30'],
    ['2026-12-01', '2026-12-01'],
  ])('%s is told by the clock of the site', (t, want) => expect(stated(t, 'Europe/Berlin')).toBe(want))
})

it.each([['24h0m0s', '24h'], ['10m0s', '10m'], ['1h10m0s', '1h10m'], ['1h0m5s', '1h0m5s'], ['0s', '0s'], ['3h30m', '3h30m']])('%s lasts %s', (d, want) => expect(lasts(d)).toBe(want))

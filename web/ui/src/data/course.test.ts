// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest'

import { around, summed } from './course'
import { selected, question } from './selection'
import { field, hourOfWeek, inZone, moment, setSite, wall, when } from './zone'

describe('summed', () => {
  it('adds all groups up to bits a second', () => {
    expect(summed({ step_seconds: 10, times: ['1970-01-01T00:00:10Z', '1970-01-01T00:00:20Z'], groups: [{ key: [], series: [10, 20] }], other: { series: [5, 0] } })).toEqual({ times: [10, 20], values: [12, 16] })
  })
})

describe('around', () => {
  it('shows ten minutes at least, and nothing of the future', () => {
    expect(around('2026-11-27T02:00:00Z', '2026-11-27T02:03:00Z', Date.parse('2026-11-27T02:05:00Z'))).toEqual({ from: '2026-11-27T01:50:00.000Z', to: '2026-11-27T02:05:00.000Z' })
  })
  it('shows a third of a long one on both sides', () => {
    expect(around('2026-11-27T00:00:00Z', '2026-11-27T03:00:00Z', Date.parse('2026-11-28T00:00:00Z'))).toEqual({ from: '2026-11-26T23:00:00.000Z', to: '2026-11-27T04:00:00.000Z' })
  })
})

describe('zones', () => {
  it('writes the time of the site', () => expect(inZone('2026-11-27T02:00:00Z', 'Asia/Tokyo')).toBe('2026-11-27 11:00:00'))
  it('does without a zone that nobody knows', () => expect(inZone('2026-11-27T02:00:00Z', 'Nowhere/Land')).toMatch(/^2026-11-2\d /))
  it('counts hours from Sunday at midnight', () => {
    expect(hourOfWeek(Date.parse('2026-11-29T00:30:00Z') / 1000, 'UTC')).toBe(0)
    expect(hourOfWeek(Date.parse('2026-11-27T02:00:00Z') / 1000, 'Asia/Tokyo')).toBe(5 * 24 + 11)
  })
})

describe('a selection', () => {
  const p = new URLSearchParams('state=open,closed&span=1h&text=shop&kind=ddos')
  it('counts a span from now', () => expect(selected(p, Date.parse('2026-11-27T02:00:30Z')).since).toBe('2026-11-27T01:00:00.000Z'))
  it('asks old servers only what they know', () => {
    expect(question(selected(p), '', 50, false)).toMatchObject({ state: ['open', 'closed'], kind: 'ddos', text: 'shop' })
    expect(question(selected(p), '', 50, true)).not.toHaveProperty('text')
  })
})

describe('the site\'s clock', () => {
  it('is that of the axis of a chart', () => {
    setSite('Etc/GMT+5')
    expect(wall(Date.UTC(2026, 10, 27, 4, 35) / 1000).getHours()).toBe(23)
    expect(when('2026-11-27T04:35:00Z')).toBe('2026-11-26 23:35:00')
  })
  it('is that of fields, there and back, over the changes of a year', () => {
    for (const zone of ['Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'Asia/Kathmandu', 'UTC']) {
      setSite(zone)
      for (let t = Date.UTC(2026, 0, 1); t < Date.UTC(2027, 0, 1); t += 5 * 1_800_000) {
        const text = field(new Date(t).toISOString())
        const back = moment(text)
        expect(field(back), zone).toBe(text)
        expect(Math.abs(Date.parse(back) - t), zone + ' ' + text).toBeLessThanOrEqual(3_600_000)
      }
    }
  })
  it('has the first of two equal hours, and goes on over one that is missing', () => {
    setSite('Europe/Berlin')
    expect(moment('2026-10-25T02:30')).toBe('2026-10-25T00:30:00.000Z')
    expect(moment('2026-03-29T02:30')).toBe('2026-03-29T01:30:00.000Z')
    expect(field('')).toBe('')
  })
})

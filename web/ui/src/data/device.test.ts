// SPDX-License-Identifier: Apache-2.0

import { describe, expect, it } from 'vitest'
import { changeOf, fields, rate, serviceOf, toneOf, usual, type Change, type Profile, type Stats } from './device'

const nothing: Stats = { count: 0, mean: 0, median: 0, mad: 0, p95: 0, p99: 0, max: 0 }
const profile = (at: Record<number, Partial<Stats>>): Profile => ({
  days_learned: 7, hours_kept: 168, trust: {}, bytes_per_day: 0, upload_ratio: 0, field: 'bytes_in', remarks: [],
  hour_of_week: Array.from({ length: 168 }, (_, h) => ({ ...nothing, ...at[h] })),
})
const monday = Date.UTC(2026, 10, 23, 0, 30) / 1000 // 00:30 in UTC, 01:30 in Berlin

describe('usual', () => {
  it('is the band of that hour of the week in the site’s zone', () => {
    const p = profile({ 25: { count: 4, median: 450_000, mad: 45_000, p99: 900_000 } })
    expect(usual(p, [monday], 'Europe/Berlin')).toEqual({ low: [700], high: [2000] })
    expect(usual(p, [monday], 'UTC')).toEqual({}) // nothing was learned of that hour
    expect(usual(p, [monday, monday + 3600], 'Europe/Berlin').high).toEqual([2000, null])
  })
  it('never falls below nothing, and reaches three deviations at least', () => {
    const p = profile({ 24: { count: 4, median: 450, mad: 450, p99: 500 } })
    expect(usual(p, [monday], 'UTC')).toEqual({ low: [0], high: [4] })
  })
  it('is nothing without a past', () => expect(usual(undefined, [monday], 'UTC')).toEqual({}))
})

describe('words', () => {
  it('name services', () => {
    expect(serviceOf({ protocol: 6, port: 443 })).toEqual({ port: '443/TCP', name: 'HTTPS' })
    expect(serviceOf({ protocol: 17, port: 0 })).toEqual({ port: 'UDP', name: 'dynamic ports' })
    expect(serviceOf({ protocol: 58, port: 0 })).toEqual({ port: 'ICMPv6', name: '' })
    expect(serviceOf({ protocol: 99, port: 7 })).toEqual({ port: 'protocol 99', name: '' })
  })
  it('turn five minutes into a rate', () => {
    expect(rate(37_500_000)).toBe('1.00 Mbit/s')
    expect(fields.find((f) => f.value === 'bytes_in')?.unit(450_000_000)).toBe('450 MB an hour, 1.00 Mbit/s')
  })
  it('colour a risk as the score it is', () => expect([0.59, 0.6, 0.75, 1].map(toneOf)).toEqual(['low', 'medium', 'high', 'critical']))
  it('tell of both sides of a change', () => {
    const c: Change = { address: '10.0.0.1', kind: 'changed', measure: 'bytes_out', before: 24 * 37_500_000, after: 48 * 37_500_000, factor: 2, hour: 9 }
    expect(changeOf(c)).toEqual({ what: 'sent', before: '1.00 Mbit/s', after: '2.00 Mbit/s', times: '× 2' })
    expect(changeOf({ ...c, kind: 'added', measure: undefined, before: 0, factor: 0 })).toEqual({ what: 'received', before: 'not known', after: '2.00 Mbit/s', times: '' })
    expect(changeOf({ ...c, measure: 'packets_in', before: 7_200_000 }).before).toBe('1.00 kp/s')
  })
})

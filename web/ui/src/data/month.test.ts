// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest'

import { byDay, shifted, turned, weeks } from './month'

describe('a month', () => {
  it.each([
    ['2026-11', '2026-10-26', '2026-12-06', 6],
    ['2027-02', '2027-02-01', '2027-02-28', 4],
    ['2026-12', '2026-11-30', '2027-01-03', 5],
  ])('%s', (month, first, last, n) => {
    const got = weeks(month)
    expect(got).toHaveLength(n)
    expect(got[0]?.[0]).toBe(first)
    expect(got.at(-1)?.[6]).toBe(last)
    expect(got.every((w) => w.length === 7)).toBe(true)
  })
  it('has others beside it', () => {
    expect(turned('2026-12', 1)).toBe('2027-01')
    expect(turned('2026-01', -1)).toBe('2025-12')
    expect(turned('2026-06', 12)).toBe('2027-06')
    expect(shifted('2028-02-28', 1)).toBe('2028-02-29')
  })
})

it('an occurrence is on each day that it touches', () => {
  const days = (start: string, end: string) => [...byDay([{ id: '1', name: 'x', origin: 'people', start, end }]).keys()]
  expect(days('2026-12-01T22:00:00+01:00', '2026-12-02T02:00:00+01:00')).toEqual(['2026-12-01', '2026-12-02'])
  expect(days('2026-12-01T00:00:00+01:00', '2026-12-02T00:00:00+01:00')).toEqual(['2026-12-01'])
  expect(days('2026-12-30T10:00:00Z', '2027-01-02T00:00:00Z')).toEqual(['2026-12-30', '2026-12-31', '2027-01-01'])
  expect(days('2026-12-01T00:00:00Z', '2026-12-01T00:00:00Z')).toEqual(['2026-12-01'])
})

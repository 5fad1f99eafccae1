// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest'

import { ago, amount, bits, duration, percent, si, words } from './format'

describe('numbers', () => {
  it.each([
    [0, '0 bit/s'], [999, '999 bit/s'], [999.6, '1.00 kbit/s'], [12_345, '12.3 kbit/s'], [1.5e9, '1.50 Gbit/s'], [-2e6, '−2.00 Mbit/s'], [Number.NaN, '–'],
  ])('%d is %s', (v, want) => expect(bits(v)).toBe(want))
  it('keeps a number without a unit', () => expect(si(5, '')).toBe('5'))
  it('writes shares', () => expect([percent(0), percent(0.004), percent(0.5), percent(1)]).toEqual(['0 %', '0.4 %', '50 %', '100 %']))
  it('writes amounts by their unit', () => expect([amount(90, 's'), amount(2e6, 'bytes'), amount(0.123456, '')]).toEqual(['1 min 30 s', '2.00 MB', '0.123']))
})

describe('times', () => {
  it.each([[0, '0 s'], [59.6, '1 min'], [3600, '1 h'], [3661, '1 h 1 min'], [90_061, '1 d 1 h']])('%d s is %s', (v, want) => expect(duration(v)).toBe(want))
  it('says how long ago', () => {
    const now = Date.parse('2026-11-27T12:00:00Z')
    expect([ago('2026-11-27T11:59:58Z', now), ago('2026-11-27T10:30:00Z', now), ago('2026-11-27T13:00:00Z', now)]).toEqual(['now', '1 h ago', 'in 1 h'])
  })
})

describe('names', () => {
  it.each([['syn_flood', 'SYN flood'], ['ddos_attack', 'DDoS attack'], ['level_shift', 'Level shift']])('%s is %s', (v, want) => expect(words(v)).toBe(want))
})

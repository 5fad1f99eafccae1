// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest'

import { heights, readings, ticks } from './plot'

describe('heights', () => {
  it('lays stacked lines on top of each other, and gaps count nothing', () => {
    const got = heights([
      { label: 'a', values: [1, 2, null], stacked: true },
      { label: 'total', values: [9, 9, 9] },
      { label: 'b', values: [10, null, 30], stacked: true },
    ])
    expect(got).toEqual([[1, 2, 0], [9, 9, 9], [11, 2, 30]])
  })
})

describe('readings', () => {
  it('tells the value of the line itself, not its height, and what is usual', () => {
    const lines = [
      { label: 'a', values: [5], stacked: true, low: [1], high: [6] },
      { label: 'b', values: [7], stacked: true, low: [null], high: [8] },
      { label: 'c', values: [null] },
    ]
    expect(readings(lines, 0, String)).toEqual([
      { label: 'a', value: '5', usual: '1 to 6' },
      { label: 'b', value: '7', usual: '' },
      { label: 'c', value: 'unknown', usual: '' },
    ])
  })
})

it('marks of the axis of time are seconds apart at least, and ever farther', () => {
  expect(ticks[0]).toBe(1)
  expect([...ticks].sort((a, b) => a - b)).toEqual(ticks)
})

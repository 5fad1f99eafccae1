// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest'

import css from './app.css?raw'

// The colours of app.css must be told apart by eyes that are not the best: text on each of
// its grounds has a contrast of 4.5 at least (WCAG 2.2, 1.4.3).

function theme(selector: string): Record<string, string> {
  const at = css.indexOf(selector + ' {')
  const block = css.slice(at, css.indexOf('}', at))
  return Object.fromEntries([...block.matchAll(/--([\w-]+):\s*(#[0-9a-f]{6})/g)].map((m) => [m[1] ?? '', m[2] ?? '']))
}

function luminance(hex: string): number {
  const [r = 0, g = 0, b = 0] = [1, 3, 5].map((i) => {
    const c = parseInt(hex.slice(i, i + 2), 16) / 255
    return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4
  })
  return 0.2126 * r + 0.7152 * g + 0.0722 * b
}

function contrast(a: string, b: string): number {
  const [hi = 0, lo = 0] = [luminance(a), luminance(b)].sort((x, y) => y - x)
  return (hi + 0.05) / (lo + 0.05)
}

const pairs: [string, string][] = [
  ['text', 'panel'], ['text', 'ground'], ['text', 'sunken'], ['soft', 'panel'], ['soft', 'ground'], ['soft', 'sunken'],
  ['accent', 'panel'], ['accent', 'ground'], ['accent', 'accent-soft'], ['on-accent', 'accent'],
  ...['low', 'medium', 'high', 'critical', 'good'].flatMap((t): [string, string][] => [[t, t + '-soft'], [t, 'panel']]),
]

describe.each([['light', ':root'], ['dark', ":root[data-theme='dark']"]])('%s', (_, selector) => {
  const colours = theme(selector)
  it.each(pairs)('%s on %s', (front, back) => {
    expect(colours[front], front).toBeDefined()
    expect(colours[back], back).toBeDefined()
    expect(contrast(colours[front] ?? '#000000', colours[back] ?? '#000000')).toBeGreaterThanOrEqual(4.5)
  })
})

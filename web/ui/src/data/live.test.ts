// SPDX-License-Identifier: Apache-2.0
import { afterEach, beforeEach, expect, it, vi } from 'vitest'

const opened: Source[] = []
class Source {
  onerror = (): void => undefined
  closed = false
  constructor() {
    opened.push(this)
  }
  addEventListener(): void {}
  close(): void {
    this.closed = true
  }
}
// There is no window here.
Object.assign(globalThis, { EventSource: Source, document: { hidden: false, addEventListener: () => undefined } })
const { follow } = await import('./live.svelte')

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

it('a stream that broke is opened again, unless nobody follows any more', () => {
  follow(true)
  opened.at(-1)?.onerror()
  vi.advanceTimersByTime(1000)
  expect(opened).toHaveLength(2)
  opened.at(-1)?.onerror()
  follow(false) // signed out meanwhile
  vi.advanceTimersByTime(60_000)
  expect(opened).toHaveLength(2)
  expect(opened.every((s) => s.closed)).toBe(true)
})

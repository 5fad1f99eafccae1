// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest'

// The module listens to the window, which there is none of here.
Object.assign(globalThis, { location: { hash: '' }, addEventListener: () => undefined })
const { href, parse } = await import('./router.svelte')

describe('addresses of pages', () => {
  it.each([
    ['', []],
    ['#/', []],
    ['#/devices/2001:db8::1', ['devices', '2001:db8::1']],
    ['#/devices/10.0.0.0%2F24', ['devices', '10.0.0.0/24']],
    ['#/incidents/%E0%A4', ['incidents', '%E0%A4']], // what cannot be decoded is left alone
  ])('%s', (hash, path) => expect(parse(hash).path).toEqual(path))

  it('come back as they were sent', () => {
    const there = href(['explorer'], { filter: 'src = 10.0.0.0/8 & proto = "udp" #1', group: 'a,b', empty: '' })
    const back = parse(there)
    expect(back.path).toEqual(['explorer'])
    expect(Object.fromEntries(back.params)).toEqual({ filter: 'src = 10.0.0.0/8 & proto = "udp" #1', group: 'a,b' })
    expect(parse(href(['devices', '10.0.0.0/24'])).path).toEqual(['devices', '10.0.0.0/24'])
  })
})

// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest'

import { address, asking, narrowed, placed, stack, term, type Answer } from './flows'

describe('the address', () => {
  it('holds a question', () => {
    const a = { from: '-6h', to: '', filter: 'src = 10.0.0.0/8 & "#', group: ['dst', 'service'], by: 'packets' as const, limit: 25 }
    const p = new URLSearchParams()
    for (const [k, v] of Object.entries(address(a))) if (v) p.set(k, v)
    expect(asking(p)).toEqual(a)
  })
  it('can hold that nothing is grouped', () => {
    const none = { ...asking(new URLSearchParams()), group: [] }
    expect(asking(new URLSearchParams(address(none)['group'] === undefined ? {} : { group: address(none)['group'] ?? '' }))).toEqual(none)
  })
  it('may be nonsense', () => {
    expect(asking(new URLSearchParams('group=src,evil,src,dst,peer,proto&by=cats&limit=9999'))).toEqual({
      from: '-1h', to: '', filter: '', group: ['src', 'dst', 'peer'], by: 'bytes', limit: 10,
    })
  })
})

it.each([
  ['src', '2001:db8::1', 'src = 2001:db8::1'],
  ['device', '10.0.0.1', 'host = 10.0.0.1'],
  ['peer', 'external', 'direction = external'],
  ['dst_net', '10.0.0.0/24', 'dst = 10.0.0.0/24'],
  ['service', 'icmp', 'proto = icmp'],
  ['service', 'tcp/443', 'proto = tcp and port = 443 and src_port >= 443 and dst_port >= 443'],
  ['service', 'udp/dynamic', 'proto = udp and src_port >= 32768 and dst_port >= 32768'],
  ['tcp_flags', '...AP...', 'flags = AP'],
  ['tcp_flags', '........', 'flags = none'],
])('the filter for %s %s', (dimension, value, want) => expect(term(dimension, value)).toBe(want))

it('a value narrows a filter', () => {
  expect(narrowed('', 'src = 10.0.0.1')).toBe('src = 10.0.0.1')
  expect(narrowed('proto = udp', 'src = 10.0.0.1')).toBe('proto = udp and src = 10.0.0.1')
  expect(narrowed('proto = udp or proto = tcp', 'src = 10.0.0.1')).toBe('(proto = udp or proto = tcp) and src = 10.0.0.1')
  expect(narrowed('a = 1 and src = 10.0.0.1', 'src = 10.0.0.1')).toBe('a = 1 and src = 10.0.0.1')
  expect(narrowed('', 'proto = tcp and port = 1', true)).toBe('not (proto = tcp and port = 1)')
  expect(narrowed('proto = tcp', 'src = 10.0.0.1', true)).toBe('proto = tcp and not src = 10.0.0.1')
})

it('an error has a place', () => {
  expect(placed('the question cannot be answered as it stands: position 16: ";" means nothing here')).toBe(15)
  expect(placed('from must lie before to')).toBeUndefined()
})

it('an answer is drawn per second, with the rest on top', () => {
  const group = (n: number) => ({ key: ['g' + n, 'x'], bytes: 1, packets: 1, flows: 1, share: 0.1, series: [60, 120] })
  const answer: Answer = {
    from: '', to: '', source: 'raw', step_seconds: 60, by: 'bytes', scanned_flows: 1, took_ms: 1, partial: false, total: { bytes: 1, packets: 1, flows: 1 },
    times: ['1970-01-01T00:01:00Z', '1970-01-01T00:02:00Z'], groups: [1, 2, 3, 4, 5, 6, 7, 8].map(group), other: { bytes: 0, packets: 0, flows: 0, share: 0, series: [0, 60] },
  }
  const { times, lines } = stack(answer)
  expect(times).toEqual([60, 120])
  expect(lines.map((l) => l.label)).toEqual(['g1 · x', 'g2 · x', 'g3 · x', 'g4 · x', 'g5 · x', 'g6 · x', 'others'])
  expect(lines[0]?.values).toEqual([8, 16])
  expect(lines.at(-1)?.values).toEqual([16, 40])
  expect(new Set(lines.map((l) => l.color)).size).toBe(7)
  expect(stack({ ...answer, by: 'packets' }).lines[0]?.values).toEqual([1, 2])
})

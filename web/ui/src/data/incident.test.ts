// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest'

import { approval, bar, bare, choices, csv, does, estimate, exclusionOf, fits, gates, hits, judge, limits, matchText, numbers, ruleOf, severityOf, taken, title, who, type Rule, type Selection } from './incident'
import type { Decision, Incident } from './types'

const incident = (more: Partial<Incident> = {}): Incident => ({
  id: 'inc-1', category: 'ddos_attack', kind: 'ddos', vector: 'syn_flood', subject: '203.0.113.7', scope: 'host', severity: 'high', current_severity: 'high', score: 0.8,
  state: 'open', started: '2026-11-27T02:00:00Z', detected: '2026-11-27T02:00:05Z', last_seen: '2026-11-27T02:01:00Z', updated: '2026-11-27T02:01:00Z',
  indicators: [], baseline: { level: 'none', samples: 0, age_days: 0 }, metrics: {}, top: {}, timeline: [], ...more,
})
const everything: Selection = { state: [], category: [], min_severity: '', kind: '', subject: '', text: '', since: '', until: '' }

describe('title', () => {
  it('tells an attack by its peak', () => {
    expect(title(incident({ metrics: { peak_packets_per_second: 50_000, peak_bits_per_second: 17_600_000 } }))).toBe('SYN flood on 203.0.113.7, peak 50.0 kp/s and 17.6 Mbit/s')
  })
  it('tells a theft by its bytes and where they went', () => {
    const i = incident({
      category: 'data_exfiltration', kind: 'exfiltration', vector: undefined, subject: '2001:db8::47', metrics: { bytes: 5.4e9 },
      top: { destinations: [{ key: '198.51.100.77', bytes: 1, packets: 1, flows: 1, share: 1 }] },
    })
    expect(title(i)).toBe('Exfiltration from 2001:db8::47, 5.40 GB sent, mostly to 198.51.100.77')
  })
  it('knows the whole site', () => {
    expect(title(incident({ category: 'baseline_anomaly', kind: 'volume', vector: undefined, subject: '::/0', metrics: { sigma: 6.25 } }))).toBe('Unusual volume at the whole site, 6.25 σ from usual')
  })
})

describe('bar', () => {
  it('is linear while both can be seen', () => expect(bar({ observed: 10, expected: 5, unit: 'packets/s' })).toEqual({ observed: 1, expected: 0.5, log: false, beyond: true }))
  it('goes by logarithms when they are far apart', () => {
    const b = bar({ observed: 100_000, expected: 10, unit: 'packets/s' })
    expect(b?.log).toBe(true)
    expect(b?.observed).toBe(1)
    expect(b?.expected).toBeCloseTo(0.2)
  })
  it('draws a share as the part of the whole that it is', () => expect(bar({ observed: 0.5, expected: 0.1, unit: 'share' })).toEqual({ observed: 0.5, expected: 0.1, log: false, beyond: true }))
  it('draws nothing without an expectation', () => expect(bar({ observed: 3, expected: 0, unit: '' })).toBeUndefined())
})

describe('numbers', () => {
  it('counts things and shortens rates', () => {
    expect(numbers({ observed: 3042, expected: 100, unit: 'addresses' })).toEqual({ observed: '3,042 addresses', expected: '100 addresses' })
    expect(numbers({ observed: 55.84, expected: 5, unit: 'ratio' })).toEqual({ observed: '55.8 ×', expected: '5 ×' })
    expect(numbers({ observed: 3.2e7, expected: 0, unit: 'bits/s' })).toEqual({ observed: '32.0 Mbit/s', expected: '' })
  })
})

describe('gates', () => {
  const i = (name: string, observed: number, expected: number, weight: number) => ({ name, observed, expected, weight, text: name })
  it('takes what passed, heaviest first, and knows where less is more', () => {
    const g = gates([i('focused_ports', 1, 10, 0.1), i('packet_rate', 50, 10, 0.4), i('unique_sources', 5, 100, 0), i('packet_rate_floor', 10, 10, 0)])
    expect(g.passed.map((p) => p.name)).toEqual(['packet_rate', 'focused_ports'])
    expect(g.beside.map((p) => p.name)).toEqual(['unique_sources', 'packet_rate_floor'])
  })
  it('names the detector', () => {
    expect(judge('ddos', 'syn_flood').name).toBe('flood')
    expect(judge('ddos', 'slow_http').name).toBe('webflood')
    expect(judge('slow_exfiltration').name).toBe('slow')
  })
  it('maps scores as the documentation does', () => expect([0.59, 0.6, 0.75, 0.9].map(severityOf)).toEqual(['low', 'medium', 'high', 'critical']))
})

const decision: Decision = {
  id: 'mit-1', incident: 'inc-1', category: 'ddos_attack', kind: 'ddos', severity: 'high', action: 'flowspec_rate_limit', scope: 'host', target: '203.0.113.7/32',
  match: { protocol: 'udp', source_port: 53, destination: '203.0.113.7/32', packet_bytes: { from: 1300, to: 1500 } }, rate_bytes_per_second: 1_250_000, state: 'proposed',
  detail: 'proposed: flowspec_rate_limit of udp', dry_run: true, origin: 'automatic', covers: 0.987, covers_error: 0.066, effect: 'unknown', created: '', updated: '',
}

describe('a rule', () => {
  const rule: Rule = ruleOf(decision)
  it('says exactly what is done', () => {
    expect(does(rule)).toBe('Routers let 10.0 Mbit/s through of udp of 1300 to 1500 bytes from port 53 to 203.0.113.7.')
    expect(does({ ...rule, action: 'blackhole', via: 'bgp' })).toBe('Routers drop all traffic to 203.0.113.7 (by bgp). It cannot be reached at all meanwhile.')
    expect(does({ ...rule, action: 'quarantine' })).toBe('All traffic from and to 203.0.113.7 is cut off.')
  })
  it('says what it hits, and what is not known', () => {
    expect(hits(rule)).toBe('Hits 99 % ± 6.6 of the attack; what it takes of usual traffic is not known.')
    expect(hits({ ...rule, collateral: 0, collateralError: 0 })).toBe('Hits 99 % ± 6.6 of the attack and 0 % of usual traffic.')
    expect(estimate(undefined)).toBe('not known')
  })
  it('does not repeat why it waits', () => expect(rule.detail).toBe(''))
  it('can be decided in its state alone', () => {
    expect(choices('proposed')).toEqual(['approve', 'reject'])
    expect(choices('active')).toEqual(['withdraw'])
    expect(choices('withdrawn')).toEqual([])
  })
  it('is told in words', () => {
    expect(matchText({})).toBe('all traffic')
    expect(matchText({ protocol: 'tcp', tcp_flags: 'SYN', packet_bytes: { from: 44, to: 44 }, destination_port: 443, destination: '2001:db8::7/128' })).toBe('tcp with flags SYN of 44 bytes to 2001:db8::7 port 443')
    expect(bare('10.0.0.0/24')).toBe('10.0.0.0/24')
    expect(bare('2001:db8::/48')).toBe('2001:db8::/48')
  })
})

describe('a live list', () => {
  const a = incident({ id: 'a', detected: '2026-11-27T03:00:00Z' })
  const b = incident({ id: 'b', detected: '2026-11-27T01:00:00Z' })
  it('takes a new one in its place', () => expect(taken([a, b], incident({ id: 'c', detected: '2026-11-27T02:00:00Z' }), everything).map((i) => i.id)).toEqual(['a', 'c', 'b']))
  it('takes changes where they are', () => expect(taken([a, b], { ...b, state: 'resolved' }, everything)[1]?.state).toBe('resolved'))
  it('lets go what fits no more', () => expect(taken([a, b], { ...b, state: 'resolved' }, { ...everything, state: ['open'] })).toEqual([a]))
  it('leaves older pages their own', () => expect(taken([a, b], incident({ id: 'z', detected: '2026-11-26T00:00:00Z' }), everything)).toEqual([a, b]))
  it('filters as the server does', () => {
    expect(fits(a, { ...everything, min_severity: 'critical' })).toBe(false)
    expect(fits(a, { ...everything, text: 'syn FLOOD' })).toBe(true)
    expect(fits(a, { ...everything, kind: 'volume' })).toBe(false)
    expect(fits(a, { ...everything, until: '2026-11-27T02:59:59Z' })).toBe(false)
    expect(fits(a, { ...everything, subject: '203.0.113.7', category: ['ddos_attack'], since: '2026-11-27T02:01:00Z' })).toBe(true)
  })
})

describe('tuning', () => {
  it('prefills where data went, and only an address', () => {
    const share = { bytes: 1, packets: 1, flows: 1, share: 1 }
    const theft = incident({ category: 'data_exfiltration', kind: 'exfiltration', top: { destinations: [{ key: '198.51.100.77', ...share }], ports: [{ key: '443/tcp', ...share }] } })
    expect(exclusionOf(theft)).toEqual({ device: '203.0.113.7', destination: '198.51.100.77', port: '443/tcp', kind: 'exfiltration', expires: '30d' })
    expect(exclusionOf(incident({ subject: '::/0' }))).toEqual({ device: '', destination: '', port: '', kind: 'ddos', expires: '30d' })
  })
  it.each([
    ['10.0.0.3', '10.0.0.3'],
    ['2001:db8::7/128', '2001:db8::7'],
    ['10.10.0.0/16', '10.10.0.0/16'],
    ['::/0', 'site'],
  ])('writes the command that approves what %s does', (subject, want) =>
    expect(approval({ subject, started: '2026-11-27T02:00:05.123Z' })).toBe(`tidewatch baseline approve ${want} --since 2026-11-27T02:00:05Z`))
  it('writes the command about limits', () => expect(limits(incident({ detected: '2026-11-27T02:00:05.123Z' }))).toBe('tidewatch check --device 203.0.113.7 --at 2026-11-27T02:00:05Z'))
})

describe('csv', () => {
  it('quotes, and makes no formulas', () => expect(csv(['a', 'b'], [['x"y', 1], ['=1+1', undefined], ['p,q', -5]])).toBe('a,b\r\n"x""y",1\r\n\'=1+1,\r\n"p,q",-5\r\n'))
})

describe('who', () => {
  it('finds the person in a line', () => {
    expect(who('closed as normal by anna: load test')).toBe('anna')
    expect(who('acknowledged')).toBe('')
  })
})

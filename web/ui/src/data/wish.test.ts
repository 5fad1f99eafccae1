// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest'

import { empty, request } from './wish'

describe('request', () => {
  it('holds what was filled in and nothing else', () => {
    expect(request({ ...empty(), target: ' 203.0.113.7 ', protocol: 'udp', source_port: '53' })).toEqual({
      body: { action: 'flowspec_drop', target: '203.0.113.7', minutes: 10, match: { protocol: 'udp', source_port: 53 } }, wrong: '',
    })
  })
  it('turns Mbit/s into bytes a second', () => expect(request({ ...empty(), target: 'x', action: 'rate_limit', rate: '10' }).body?.['rate_bytes_per_second']).toBe(1_250_000))
  it('sends no match with what takes all traffic', () => expect(request({ ...empty(), target: 'x', action: 'blackhole', protocol: 'udp' }).body).toEqual({ action: 'blackhole', target: 'x', minutes: 10 }))
  it.each([
    [{}, 'Which address or network is to be protected?'],
    [{ target: 'x', minutes: '0' }, 'The time in minutes is a whole number from 1 to 10080'],
    [{ target: 'x', source_port: '70000' }, 'The source port is a whole number from 1 to 65535'],
    [{ target: 'x', from: '900', to: '100' }, 'The smallest packet is larger than the largest'],
    [{ target: 'x', action: 'rate_limit', rate: '' }, 'A limit needs the rate that it lets through'],
  ])('says what is wrong with %j', (more, wrong) => expect(request({ ...empty(), ...more })).toEqual({ wrong }))
})

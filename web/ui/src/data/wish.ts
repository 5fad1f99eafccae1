// SPDX-License-Identifier: Apache-2.0

// The form in which a person asks for a rule, and the request that it makes.

export interface Form {
  about: 'target' | 'incident'
  incident: string
  target: string
  action: string
  rate: string // Mbit/s
  minutes: string
  via: string
  source: string
  destination: string
  protocol: string
  source_port: string
  destination_port: string
  tcp_flags: string
  from: string // bytes of a packet
  to: string
  fragment: boolean
  note: string
}

export const empty = (): Form => ({
  about: 'target', incident: '', target: '', action: 'flowspec_drop', rate: '10', minutes: '10', via: '', source: '', destination: '', protocol: '',
  source_port: '', destination_port: '', tcp_flags: '', from: '', to: '', fragment: false, note: '',
})

export const limits = (action: string) => action === 'flowspec_rate_limit' || action === 'rate_limit'

/** whole tells that an action takes all traffic of its target, so that no match is asked for. */
export const whole = (action: string) => action === 'blackhole' || action === 'quarantine' || action === 'divert'

/** request is the body to send; undefined with a sentence about the first thing that is wrong. */
export function request(f: Form): { body?: Record<string, unknown>; wrong: string } {
  const number = (text: string, name: string, most: number): number | string => {
    const n = Number(text)
    return Number.isInteger(n) && n >= 1 && n <= most ? n : name + ' is a whole number from 1 to ' + most
  }
  const about = f.about === 'incident' ? f.incident.trim() : f.target.trim()
  if (about === '') return { wrong: f.about === 'incident' ? 'Which incident is it about?' : 'Which address or network is to be protected?' }
  const body: Record<string, unknown> = { action: f.action, [f.about]: about }
  if (limits(f.action)) {
    const rate = Number(f.rate)
    if (!(rate > 0)) return { wrong: 'A limit needs the rate that it lets through' }
    body['rate_bytes_per_second'] = Math.round((rate * 1e6) / 8)
  }
  if (f.minutes.trim() !== '') {
    const m = number(f.minutes, 'The time in minutes', 10_080)
    if (typeof m === 'string') return { wrong: m }
    body['minutes'] = m
  }
  if (f.via.trim() !== '') body['via'] = f.via.trim()
  if (f.note.trim() !== '') body['note'] = f.note.trim()
  if (whole(f.action)) return { body, wrong: '' }
  const match: Record<string, unknown> = {}
  for (const key of ['source', 'destination', 'protocol', 'tcp_flags'] as const) if (f[key].trim() !== '') match[key] = f[key].trim()
  for (const [key, name] of [['source_port', 'The source port'], ['destination_port', 'The destination port']] as const) {
    if (f[key].trim() === '') continue
    const port = number(f[key], name, 65_535)
    if (typeof port === 'string') return { wrong: port }
    match[key] = port
  }
  if (f.from.trim() !== '' || f.to.trim() !== '') {
    const from = number(f.from.trim() === '' ? '1' : f.from, 'The smallest packet', 65_535)
    const to = number(f.to.trim() === '' ? '65535' : f.to, 'The largest packet', 65_535)
    if (typeof from === 'string') return { wrong: from }
    if (typeof to === 'string') return { wrong: to }
    if (from > to) return { wrong: 'The smallest packet is larger than the largest' }
    match['packet_bytes'] = { from, to }
  }
  if (f.fragment) match['fragment'] = true
  if (Object.keys(match).length > 0) body['match'] = match
  return { body, wrong: '' }
}

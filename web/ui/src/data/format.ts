// SPDX-License-Identifier: Apache-2.0

// Numbers and times as people read them. Bits are bits and bytes are bytes; both go by
// thousands.

const prefixes = ['', 'k', 'M', 'G', 'T', 'P'] as const

/** si writes a number with three figures and its unit: 12.3 Mbit/s. */
export function si(value: number, unit: string): string {
  if (!Number.isFinite(value)) return '–'
  let v = Math.abs(value)
  let i = 0
  while (v >= 999.5 && i < prefixes.length - 1) {
    v /= 1000
    i++
  }
  const digits = v >= 100 || (i === 0 && Number.isInteger(v)) ? 0 : v >= 10 ? 1 : 2
  const text = (value < 0 ? '−' : '') + v.toFixed(digits)
  const tail = (prefixes[i] ?? '') + unit
  return tail === '' ? text : text + ' ' + tail
}

export const bits = (v: number) => si(v, 'bit/s')
export const bytes = (v: number) => si(v, 'B')
export const packets = (v: number) => si(v, 'p/s')
export const count = (v: number) => (Math.abs(v) < 10_000 ? v.toLocaleString('en') : si(v, ''))

/** amount writes a value with the unit of an indicator. */
export function amount(value: number, unit: string): string {
  switch (unit) {
    case 'bits/s':
      return bits(value)
    case 'bytes':
      return bytes(value)
    case 's':
    case 'seconds':
      return duration(value)
    case 'share':
    case 'ratio':
      return unit === 'share' ? percent(value) : Number(value.toPrecision(3)).toString()
    case '':
      return Number(value.toPrecision(3)).toString()
  }
  return si(value, unit)
}

export const percent = (share: number) =>
  share > 0 && share < 0.0005 ? '< 0.1 %' : (share >= 0.0995 || share === 0 ? (100 * share).toFixed(0) : (100 * share).toFixed(1)) + ' %'

/** duration writes seconds in the two largest units that matter. */
export function duration(seconds: number): string {
  const s = Math.max(0, Math.round(seconds))
  if (s < 60) return s + ' s'
  const parts: [number, string][] = [
    [Math.floor(s / 86_400), 'd'],
    [Math.floor(s / 3600) % 24, 'h'],
    [Math.floor(s / 60) % 60, 'min'],
    [s % 60, 's'],
  ]
  const from = parts.findIndex(([n]) => n > 0)
  return parts
    .slice(from, from + 2)
    .filter(([n]) => n > 0)
    .map(([n, u]) => n + ' ' + u)
    .join(' ')
}

export const utc = (t: string | Date) => new Date(t).toISOString().slice(0, 19).replace('T', ' ') + ' UTC'

/** ago says how long before now a time lies. */
export function ago(t: string | Date, now = Date.now()): string {
  const s = (now - new Date(t).getTime()) / 1000
  if (s < -5) return 'in ' + duration(-s).split(' ').slice(0, 2).join(' ')
  if (s < 5) return 'now'
  return duration(s).split(' ').slice(0, 2).join(' ') + ' ago'
}

/** words turns a name of the API into words: syn_flood, SYN flood. */
export function words(name: string): string {
  const text = name.replaceAll('_', ' ').replace(/\b(ddos|dns|ntp|ssdp|cldap|snmp|syn|ack|rst|fin|udp|tcp|icmp|http|gre|esp|ip|bgp)\b/g, (w) =>
    w === 'ddos' ? 'DDoS' : w.toUpperCase(),
  )
  return text.charAt(0).toUpperCase() + text.slice(1)
}

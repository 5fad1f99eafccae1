// SPDX-License-Identifier: Apache-2.0

// A device as its pages show it: what is usual for it, in words and numbers.

import { bits, bytes, count, packets, si } from './format'
import { severityOf } from './incident'
import type { Device } from './types'
import { hourOfWeek } from './zone'

export interface Stats { count: number; mean: number; median: number; mad: number; p95: number; p99: number; max: number }

export interface Remark { kind: string; measure: string; since: string; factor: number; text: string }

export interface Profile {
  days_learned: number
  hours_kept: number
  trust: Record<string, number>
  bytes_per_day: number
  upload_ratio: number
  field: string
  hour_of_week: Stats[] // 168, from Sunday at midnight
  remarks: Remark[]
}

export interface Peer { address?: string; bytes: number; first: string; last: string }

export interface Service { protocol: number; port: number; offered: boolean; bytes: number; first: string; last: string }

export interface Detail extends Device {
  role_reason?: string
  zone: string
  peers: Peer[]
  services: Service[]
  hours: number[] // 168, from Sunday at midnight; empty when nothing was learned
  profile?: Profile
}

export interface Version { id: string; created: string; devices: number; bytes: number; state: 'candidate' | 'approved'; note?: string }

export interface Baselines { current: string; frozen: boolean; devices: number; versions: Version[] }

export interface Change { address: string; kind: 'changed' | 'added' | 'removed'; measure?: string; before: number; after: number; factor: number; hour: number }

export const sorts = [
  { value: 'last_seen', name: 'last seen' },
  { value: 'bytes', name: 'most traffic now' },
  { value: 'risk', name: 'highest risk' },
  { value: 'address', name: 'address' },
]

const five = 300 // seconds
const hour = 3600

/** rate is what bytes of five minutes are in bits per second. */
export const rate = (b: number) => bits((8 * b) / five)

interface Field { value: string; name: string; unit: (v: number) => string }

/** fields are the series of an hour that a profile can be of. */
export const fields: Field[] = [
  { value: 'bytes_in', name: 'received', unit: (v) => bytes(v) + ' an hour, ' + bits((8 * v) / hour) },
  { value: 'bytes_out', name: 'sent', unit: (v) => bytes(v) + ' an hour, ' + bits((8 * v) / hour) },
  { value: 'packets_in', name: 'packets received', unit: (v) => count(v) + ' an hour' },
  { value: 'packets_out', name: 'packets sent', unit: (v) => count(v) + ' an hour' },
  { value: 'flows_in', name: 'flows received', unit: (v) => count(v) + ' an hour' },
  { value: 'flows_out', name: 'flows sent', unit: (v) => count(v) + ' an hour' },
  { value: 'peak_bytes_in', name: 'received, busiest five minutes', unit: rate },
  { value: 'peak_bytes_out', name: 'sent, busiest five minutes', unit: rate },
  { value: 'peak_packets_in', name: 'packets received, busiest five minutes', unit: (v) => packets(v / five) },
]

/** toneOf is the colour of a risk, which is the score of an incident. */
export const toneOf = severityOf

const protocols: Record<number, string> = { 1: 'ICMP', 6: 'TCP', 17: 'UDP', 47: 'GRE', 50: 'ESP', 58: 'ICMPv6', 132: 'SCTP' }
const ports: Record<string, string> = {
  '21/TCP': 'FTP', '22/TCP': 'SSH', '25/TCP': 'SMTP', '53/TCP': 'DNS', '53/UDP': 'DNS', '67/UDP': 'DHCP', '80/TCP': 'HTTP', '88/TCP': 'Kerberos',
  '110/TCP': 'POP3', '123/UDP': 'NTP', '143/TCP': 'IMAP', '161/UDP': 'SNMP', '389/TCP': 'LDAP', '443/TCP': 'HTTPS', '443/UDP': 'QUIC', '445/TCP': 'SMB',
  '465/TCP': 'SMTPS', '500/UDP': 'IKE', '514/UDP': 'syslog', '587/TCP': 'submission', '853/TCP': 'DNS over TLS', '993/TCP': 'IMAPS', '1194/UDP': 'OpenVPN',
  '1433/TCP': 'SQL Server', '1883/TCP': 'MQTT', '3306/TCP': 'MySQL', '3389/TCP': 'RDP', '5432/TCP': 'PostgreSQL', '5060/UDP': 'SIP', '6379/TCP': 'Redis',
  '8883/TCP': 'MQTT over TLS', '9100/TCP': 'printing',
}

/** serviceOf names a service: its port, and what commonly is there. */
export function serviceOf(s: Pick<Service, 'protocol' | 'port'>): { port: string; name: string } {
  const p = protocols[s.protocol] ?? 'protocol ' + s.protocol
  if (s.protocol !== 6 && s.protocol !== 17 && s.protocol !== 132) return { port: p, name: '' }
  if (s.port === 0) return { port: p, name: 'dynamic ports' }
  return { port: s.port + '/' + p, name: ports[s.port + '/' + p] ?? '' }
}

/**
 * usual is the band of bits per second at some moments, by a profile of the bytes of hours;
 * nothing when nothing was learned of them.
 */
export function usual(p: Profile | undefined, at: number[], zone: string): { low?: (number | null)[]; high?: (number | null)[] } {
  if (p === undefined) return {}
  const hours = new Map<number, number>()
  const place = (t: number) => {
    const quarter = Math.floor(t / 900) // zones differ by quarters of an hour
    let h = hours.get(quarter)
    if (h === undefined) hours.set(quarter, (h = hourOfWeek(t, zone)))
    return h
  }
  const found = at.map((t) => {
    const w = p.hour_of_week[place(t)]
    return w === undefined || w.count === 0 ? null : w
  })
  if (found.every((w) => w === null)) return {}
  return {
    low: found.map((w) => (w === null ? null : (8 * Math.max(0, w.median - 3 * w.mad)) / hour)),
    high: found.map((w) => (w === null ? null : (8 * Math.max(w.p99, w.median + 3 * w.mad)) / hour)),
  }
}

/** changeOf writes both sides of a change: the mean, over a day, of the usual busiest five minutes. */
export function changeOf(c: Change): { what: string; before: string; after: string; times: string } {
  const pack = c.measure === 'packets_in'
  const write = (v: number) => (v === 0 ? '–' : pack ? packets(v / 24 / five) : rate(v / 24))
  return {
    what: c.measure === 'bytes_out' ? 'sent' : pack ? 'packets received' : 'received',
    before: c.kind === 'added' ? 'not known' : write(c.before),
    after: c.kind === 'removed' ? 'not known' : write(c.after),
    times: c.factor > 0 ? '× ' + si(c.factor, '') : '',
  }
}

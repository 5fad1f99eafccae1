// SPDX-License-Identifier: Apache-2.0

// An incident as its page shows it, and what can be said of it in words: nothing here
// asks the server or knows the screen.

import { amount, bits, bytes, packets, percent, words } from './format'
import type { Assessment, Decision, Incident, IncidentState, Indicator, Match, Severity, Share } from './types'

export interface Flow {
  time: string
  src: string
  sport: number
  dst: string
  dport: number
  proto: string
  flags?: string
  bytes: number
  packets: number
  duration_seconds: number
  exporter?: string
}

export interface Filter extends Match {
  source_prefix?: string
  covers: number
  covers_error: number
  samples: number
  collateral?: number
  collateral_error?: number
  text: string
}

/** Deed is a decision as an incident tells of it. */
export interface Deed {
  id: string
  at: string
  name: string
  state: Decision['state']
  dry_run?: boolean
  target?: string
  match?: string
  via?: string
  reason?: string
  detail?: string
  until?: string
  covers?: number
  collateral?: number
  effect?: string
}

export interface Relative {
  stage: string
  id: string
  kind: string
  severity: Severity
  started: string
}

export interface Case extends Omit<Incident, 'actions' | 'evidence' | 'filter' | 'earlier' | 'later' | 'assessment' | 'rules_assessment'> {
  vector_peaks?: { vector: string; peak_bits_per_second: number }[]
  evidence?: Flow[]
  filter?: Filter
  assessment?: Assessment & { review?: boolean; legitimate_likelihood?: number }
  rules_assessment?: Assessment & { review?: boolean; legitimate_likelihood?: number }
  actions: Deed[]
  actions_dropped?: number
  earlier?: Relative[]
  later?: Relative[]
}

const site = '::/0'
export const place = (subject: string) => (subject === site ? 'the whole site' : subject)

/** what names an incident in two or three words. */
export function what(i: Pick<Incident, 'kind' | 'vector' | 'vectors'>): string {
  if (i.vector === 'mixed') return 'Attack of several vectors'
  if (i.vector) return words(i.vector)
  if (i.kind === 'volume') return 'Unusual volume'
  if (i.kind === 'threat_list') return 'Traffic with a listed address'
  return words(i.kind)
}

/** foreseen says which event or exclusion of people covers it, if one does. */
export function foreseen(i: Pick<Incident, 'indicators'>): { name: 'planned' | 'excluded'; text: string } | undefined {
  const by = i.indicators.find((x) => x.name === 'scheduled_event' || x.name === 'exclusion')
  return by && { name: by.name === 'exclusion' ? 'excluded' : 'planned', text: by.text }
}

/** measure is the number that says most of it: packets of an attack, bytes of a theft. */
export function measure(i: Pick<Incident, 'category' | 'metrics' | 'top'>): string {
  const m = i.metrics
  if (i.category === 'ddos_attack' && m['peak_packets_per_second']) {
    const wide = m['peak_bits_per_second']
    return 'peak ' + packets(m['peak_packets_per_second']) + (wide ? ' and ' + bits(wide) : '')
  }
  if (i.category === 'data_exfiltration' && m['bytes']) {
    const to = i.top.destinations?.[0]?.key
    return bytes(m['bytes']) + ' sent' + (to ? ', mostly to ' + to : '')
  }
  if (m['sigma']) return Number(m['sigma'].toPrecision(3)) + ' σ from usual'
  return ''
}

function preposition(i: Pick<Incident, 'category' | 'kind' | 'top'>): string {
  if (i.kind === 'ddos') return 'on'
  if (i.kind === 'ddos_outbound' || i.category === 'data_exfiltration' || i.category === 'command_and_control') return 'from'
  return i.category === 'reconnaissance' && (i.top.destinations ?? []).length > 0 ? 'from' : 'at'
}

/** title tells in one line what happened, to whom and how much of it. */
export function title(i: Pick<Incident, 'category' | 'kind' | 'vector' | 'vectors' | 'subject' | 'metrics' | 'top'>): string {
  const m = measure(i)
  return what(i) + ' ' + preposition(i) + ' ' + place(i.subject) + (m === '' ? '' : ', ' + m)
}

/** Bar is an indicator as a picture: both numbers as parts of the larger one. */
export interface Bar {
  observed: number // 0 to 1
  expected: number // 0 to 1
  log: boolean
  beyond: boolean
}

/**
 * bar scales an indicator. Numbers that lie more than twentyfold apart are drawn by their
 * logarithms, or the smaller one would not be seen.
 */
export function bar(i: Pick<Indicator, 'observed' | 'expected' | 'unit'>): Bar | undefined {
  const o = Math.abs(i.observed)
  const e = Math.abs(i.expected)
  const most = Math.max(o, e)
  if (!Number.isFinite(most) || most === 0 || e === 0) return undefined
  const share = i.unit === 'share' && most <= 1
  const top = share ? 1 : most
  const least = Math.min(o, e)
  const log = !share && least > 0 && most / least > 20
  const part = (v: number) => {
    if (!log) return v / top
    if (v <= 0) return 0
    const floor = Math.log10(least) - 1
    return (Math.log10(v) - floor) / (Math.log10(most) - floor)
  }
  return { observed: part(o), expected: part(e), log, beyond: o > e }
}

// Things are counted; only rates and volumes have thousands as letters.
function quantity(v: number, unit: string): string {
  if (['bits/s', 'bytes', 's', 'share', ''].includes(unit)) return amount(v, unit)
  if (unit === 'packets/s') return packets(v)
  if (unit === 'ratio') return Number(v.toPrecision(3)) + ' ×'
  const one = v === 1 ? unit.replace(/sses$/, 'ss').replace(/([^s])s$/, '$1') : unit // 1 port, 1 address
  return v.toLocaleString('en', { maximumFractionDigits: v < 10 ? 2 : v < 100 ? 1 : 0 }) + ' ' + one
}

/** numbers writes what was seen and what was expected, or one of them. */
export function numbers(i: Pick<Indicator, 'observed' | 'expected' | 'unit'>): { observed: string; expected: string } {
  return { observed: quantity(i.observed, i.unit ?? ''), expected: i.expected === 0 ? '' : quantity(i.expected, i.unit ?? '') }
}

/** Gate is one of the conditions that made an incident of traffic. */
export interface Gate {
  name: string
  text: string
  met: boolean | undefined // undefined: it is told for context
}

const less = new Set(['focused_ports', 'small_packets', 'flows_per_source', 'handshake_only', 'connection_quiet', 'destination_rare'])
const context = new Set(['packet_rate_floor', 'packet_rate_learned', 'new_sources', 'source_dispersion', 'asn_dispersion', 'flow_similarity', 'incomplete_connections', 'response_ratio'])

/** gates says which thresholds were passed, strongest first, and what tempered the score. */
export function gates(indicators: Indicator[]): { passed: Gate[]; beside: Gate[] } {
  const passed: Gate[] = []
  const beside: Gate[] = []
  for (const i of [...indicators].sort((a, b) => Math.abs(b.weight) - Math.abs(a.weight))) {
    const limit = i.expected !== 0 && !context.has(i.name)
    const met = limit ? (less.has(i.name) ? i.observed <= i.expected : i.observed >= i.expected) : undefined
    const gate = { name: i.name, text: i.text, met }
    if (met === true && i.weight > 0) passed.push(gate)
    else beside.push(gate)
  }
  return { passed, beside }
}

/** severityOf says which severity a score stands for, as docs/detectors.md has it. */
export function severityOf(score: number): Severity {
  return score >= 0.9 ? 'critical' : score >= 0.75 ? 'high' : score >= 0.6 ? 'medium' : 'low'
}

/** judge names the detector that a kind comes from, and the page of the docs about it. */
export function judge(kind: string, vector = ''): { name: string; section: string } {
  const by: Record<string, string> = {
    exfiltration: 'exfil', slow_exfiltration: 'slow', dns_tunnel: 'tunnel', icmp_tunnel: 'tunnel', protocol_tunnel: 'character',
    beacon: 'beacon', long_connection: 'beacon', threat_list: 'threat', port_scan: 'scan', host_scan: 'scan', brute_force: 'scan',
    volume: 'volume', level_shift: 'volume', silence: 'outage', exporter_down: 'outage', new_peers: 'peers', new_ports: 'ports',
    upload_ratio: 'upload', off_hours: 'offhours', ddos: 'flood', ddos_outbound: 'flood',
  }
  const web: Record<string, string> = { http_flood: 'webflood', slow_http: 'webflood', dns_query_flood: 'dnsflood', connection_exhaustion: 'exhaustion' }
  const name = web[vector] ?? by[kind] ?? kind
  return { name, section: 'docs/detectors.md, ' + name }
}

/** matchText says in words which traffic a rule hits. */
export function matchText(m: Match): string {
  const ends = (address: string | undefined, port: number | undefined) =>
    [address === undefined ? '' : bare(address), port ? 'port ' + port : ''].filter((s) => s !== '').join(' ')
  const parts = [m.protocol ? m.protocol : 'all traffic']
  if (m.tcp_flags) parts.push('with flags ' + m.tcp_flags)
  if (m.fragment) parts.push('fragments')
  if (m.packet_bytes) parts.push('of ' + (m.packet_bytes.from === m.packet_bytes.to ? '' : m.packet_bytes.from + ' to ') + m.packet_bytes.to + ' bytes')
  const from = ends(m.source, m.source_port)
  const to = ends(m.destination, m.destination_port)
  if (from !== '') parts.push('from ' + from)
  if (to !== '') parts.push('to ' + to)
  return parts.join(' ')
}

/** bare writes a network of one address as the address. */
export const bare = (prefix: string) => prefix.replace(/^([0-9.]+)\/32$/, '$1').replace(/^([0-9a-f:.]*:[0-9a-f:.]*)\/128$/i, '$1')

/** Rule is what a decision and a deed have in common, in words. */
export interface Rule {
  id: string
  action: string
  target: string
  match: string
  via: string
  state: Decision['state']
  dry: boolean
  rate?: number
  covers?: number
  coversError?: number
  collateral?: number
  collateralError?: number
  until?: string
  held: string[]
  detail: string
}

// A proposal says why it waits, which is listed beside it.
const told = (detail = '', state: string) => (state === 'proposed' ? '' : detail)

export const ruleOf = (d: Decision): Rule => ({
  id: d.id, action: d.action, target: bare(d.target), match: matchText(d.match), via: d.via ?? '', state: d.state, dry: d.dry_run === true,
  rate: d.rate_bytes_per_second, covers: d.covers, coversError: d.covers_error, collateral: d.collateral, collateralError: d.collateral_error,
  until: d.until, held: d.held ?? [], detail: told(d.detail, d.state),
})

export const ruleOfDeed = (d: Deed): Rule => ({
  id: d.id, action: d.name, target: bare(d.target ?? ''), match: d.match ?? 'all traffic', via: d.via ?? '', state: d.state, dry: d.dry_run === true,
  covers: d.covers, collateral: d.collateral, until: d.until, held: [], detail: d.detail ?? '',
})

/** does says exactly what an action does to which traffic. */
export function does(r: Rule): string {
  const via = r.via === '' ? '' : ' (by ' + r.via + ')'
  const rate = r.rate ? bits(8 * r.rate) : 'a limited rate'
  switch (r.action) {
    case 'blackhole':
      return 'Routers drop all traffic to ' + r.target + via + '. It cannot be reached at all meanwhile.'
    case 'flowspec_drop':
      return 'Routers drop ' + r.match + via + '.'
    case 'flowspec_rate_limit':
      return 'Routers let ' + rate + ' through of ' + r.match + via + '.'
    case 'divert':
      return 'Traffic to ' + r.target + ' goes to a scrubbing centre' + via + '.'
    case 'block':
      return 'The firewall drops ' + r.match + via + '.'
    case 'rate_limit':
      return 'The firewall lets ' + rate + ' through of ' + r.match + via + '.'
    case 'quarantine':
      return 'All traffic from and to ' + r.target + ' is cut off' + via + '.'
    case 'hook':
      return 'The hook ' + (r.via || 'that fits') + ' is told of ' + r.match + '. What it does is its own affair.'
  }
  return actionName(r.action) + ': ' + r.match + via + '.'
}

/** actionName is how people call an action. */
export const actionName = (action: string) => words(action).replace('Flowspec', 'FlowSpec')

/** hits says how much of the attack, and of what is usual, a rule takes. */
export function hits(r: Rule): string {
  if (r.covers === undefined && r.collateral === undefined) return 'What it takes of the attack and of usual traffic is not known.'
  const attack = r.covers === undefined ? 'An unknown part of the attack' : estimate(r.covers, r.coversError) + ' of the attack'
  const usual = r.collateral === undefined ? 'what it takes of usual traffic is not known' : 'and ' + estimate(r.collateral, r.collateralError) + ' of usual traffic'
  return (r.covers === undefined ? attack : 'Hits ' + attack) + (r.collateral === undefined ? '; ' : ' ') + usual + '.'
}

/** share writes an estimate with half the width of its interval; unknown when absent. */
export function estimate(v: number | undefined, within = 0): string {
  if (v === undefined) return 'not known'
  return percent(v) + (within > 0 ? ' ± ' + Number((100 * within).toPrecision(2)) : '')
}

/** may says what a person can still do about a rule. */
export function choices(state: Decision['state']): ('approve' | 'reject' | 'withdraw')[] {
  if (state === 'proposed') return ['approve', 'reject']
  return state === 'approved' || state === 'active' ? ['withdraw'] : []
}

/** exclusionOf prefills the form that says: this is known and harmless. */
export function exclusionOf(i: Pick<Case, 'kind' | 'subject' | 'top' | 'category'>): { device: string; destination: string; port: string; kind: string; expires: string } {
  const away = i.category === 'data_exfiltration' || i.category === 'command_and_control'
  const to = away ? i.top.destinations?.[0]?.key ?? '' : ''
  const port = away ? /^\d+(\/\w+)?/.exec(i.top.ports?.[0]?.key ?? '')?.[0] ?? '' : ''
  return { device: i.subject === site ? '' : i.subject, destination: /^[0-9a-f.:]+(\/\d+)?$/i.test(to) ? to : '', port, kind: i.kind, expires: '30d' }
}

/** limits is the command that explains from what rate on a flood on the subject is found. */
export const limits = (i: Pick<Incident, 'subject' | 'scope' | 'detected'>) =>
  'tidewatch check --device ' + i.subject.replace(/\/\d+$/, '') + ' --at ' + i.detected.replace(/\.\d+/, '')

/** approval is the command by which what the subject does since then becomes its normal. */
export const approval = (i: Pick<Incident, 'subject' | 'started'>) =>
  'tidewatch baseline approve ' + (i.subject === site ? 'site' : bare(i.subject)) + ' --since ' + i.started.replace(/\.\d+/, '')

/** Selection is what a list of incidents shows. */
export interface Selection {
  state: string[]
  category: string[]
  min_severity: string
  kind: string
  subject: string
  text: string
  since: string
  until: string
}

const ranks: Record<Severity, number> = { low: 0, medium: 1, high: 2, critical: 3 }

/** fits tells whether an incident that was just heard of belongs to the list. */
export function fits(i: Incident, s: Selection): boolean {
  const text = s.text.toLowerCase()
  return (
    (s.state.length === 0 || s.state.includes(i.state)) &&
    (s.category.length === 0 || s.category.includes(i.category)) &&
    (s.min_severity === '' || ranks[i.severity] >= (ranks[s.min_severity as Severity] ?? 0)) &&
    (s.kind === '' || i.kind === s.kind) &&
    (s.subject === '' || i.subject === s.subject) &&
    (text === '' || [i.id, i.subject, title(i)].some((t) => t.toLowerCase().includes(text))) &&
    (s.since === '' || Date.parse(i.updated) >= Date.parse(s.since)) &&
    (s.until === '' || Date.parse(i.detected) < Date.parse(s.until))
  )
}

/** taken puts what was heard into a list whose newest is first; what fits no more leaves it. */
export function taken<T extends Incident>(list: T[], i: T, s: Selection): T[] {
  const at = list.findIndex((x) => x.id === i.id)
  if (!fits(i, s)) return at < 0 ? list : list.filter((x) => x.id !== i.id)
  if (at >= 0) return list.map((x, n) => (n === at ? i : x))
  const place = list.findIndex((x) => Date.parse(x.detected) <= Date.parse(i.detected))
  if (place < 0) return list // it is older than all that is loaded: its page will have it
  return [...list.slice(0, place), i, ...list.slice(place)]
}

/** csv writes rows for a spreadsheet; what would be a formula there is none. */
export function csv(head: string[], rows: (string | number | undefined)[][]): string {
  const cell = (v: string | number | undefined) => {
    let t = v === undefined ? '' : String(v)
    if (typeof v === 'string' && /^[=+\-@\t\r]/.test(t)) t = "'" + t
    return /[",\n\r]/.test(t) ? '"' + t.replaceAll('"', '""') + '"' : t
  }
  return [head, ...rows].map((r) => r.map(cell).join(',')).join('\r\n') + '\r\n'
}

export const open = (s: IncidentState) => s === 'open' || s === 'acknowledged' || s === 'mitigated'

/** who finds the person in a line of the timeline: "closed by anna: ...". */
export const who = (text: string) => /\bby ([^\s:,;]+)/.exec(text)?.[1] ?? ''

export const tops: { key: 'sources' | 'destinations' | 'ports' | 'asns' | 'countries'; name: string }[] = [
  { key: 'sources', name: 'Sources' }, { key: 'destinations', name: 'Destinations' }, { key: 'ports', name: 'Ports' },
  { key: 'asns', name: 'Networks (AS)' }, { key: 'countries', name: 'Countries' },
]

export const any = (t: Share[] | undefined): t is Share[] => t !== undefined && t.length > 0

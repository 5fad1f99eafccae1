// SPDX-License-Identifier: Apache-2.0

// Questions about recorded flows: how the address holds one, and what an answer draws.

import { bits, packets, si } from './format'
import type { Line } from './plot'

export type By = 'bytes' | 'packets' | 'flows'

export interface Volume {
  bytes: number
  packets: number
  flows: number
}

export interface Group extends Volume {
  key: string[]
  share: number
  series?: number[]
}

export interface Answer {
  from: string
  to: string
  source: 'raw' | 'minutes' | 'hours'
  step_seconds?: number
  by: By
  scanned_flows: number
  took_ms: number
  partial: boolean
  reason?: string
  total: Volume
  times?: string[]
  groups: Group[]
  other: Volume & { share: number; series?: number[] }
}

export interface KeptFlow {
  received: string
  start: string
  end: string
  source: string
  destination: string
  source_port: number
  destination_port: number
  protocol: string
  tcp_flags?: string
  bytes: number
  packets: number
  sampling: number
  exporter: string
  input: number
  output: number
  source_as: number
  destination_as: number
  direction: string
}

export interface FlowPage {
  flows: KeptFlow[]
  next?: string
  partial?: boolean
  reason?: string
}

/** dimensions is what flows are grouped by, with what people call it. */
export const dimensions: { value: string; name: string }[] = [
  { value: 'src', name: 'Source' }, { value: 'dst', name: 'Destination' }, { value: 'device', name: 'Own device' }, { value: 'peer', name: 'Peer' },
  { value: 'service', name: 'Service' }, { value: 'src_port', name: 'Source port' }, { value: 'dst_port', name: 'Destination port' }, { value: 'proto', name: 'Protocol' },
  { value: 'src_as', name: 'Source AS' }, { value: 'dst_as', name: 'Destination AS' }, { value: 'src_net', name: 'Source network (/24, /48)' },
  { value: 'dst_net', name: 'Destination network (/24, /48)' }, { value: 'src_net16', name: 'Source network (/16, /32)' },
  { value: 'dst_net16', name: 'Destination network (/16, /32)' }, { value: 'exporter', name: 'Exporter' }, { value: 'input', name: 'Input interface' },
  { value: 'output', name: 'Output interface' }, { value: 'tcp_flags', name: 'TCP flags' },
]
export const dimensionName = (d: string) => dimensions.find((x) => x.value === d)?.name ?? d

export const spans = [
  { value: '-15m', name: '15 min' }, { value: '-1h', name: '1 h' }, { value: '-6h', name: '6 h' }, { value: '-24h', name: '24 h' },
  { value: '-7d', name: '7 d' }, { value: '-30d', name: '30 d' },
]

export interface Asking {
  from: string // as the API takes it: RFC 3339, or before now as -1h
  to: string // '' for now
  filter: string
  group: string[]
  by: By
  limit: number
}

/** asking reads the address; what makes no sense there is what stands there by default. */
export function asking(p: URLSearchParams): Asking {
  const by = p.get('by')
  const limit = Number(p.get('limit'))
  const group = (p.get('group') ?? 'src').split(',').filter((d, i, all) => dimensions.some((x) => x.value === d) && all.indexOf(d) === i)
  return {
    from: p.get('from') || '-1h', to: p.get('to') ?? '', filter: p.get('filter') ?? '', group: group.slice(0, 3),
    by: by === 'packets' || by === 'flows' ? by : 'bytes', limit: Number.isInteger(limit) && limit >= 1 && limit <= 1000 ? limit : 10,
  }
}

/** address is what asking reads, without what is so by default. */
export function address(a: Asking): Record<string, string | undefined> {
  return {
    from: a.from === '-1h' ? undefined : a.from, to: a.to, filter: a.filter,
    group: a.group.length === 0 ? 'none' : a.group.join(',') === 'src' ? undefined : a.group.join(','),
    by: a.by === 'bytes' ? undefined : a.by, limit: a.limit === 10 ? undefined : String(a.limit),
  }
}

const firstDynamic = 32_768

/** term is the filter for one value of a dimension; '' when filters cannot say it. */
export function term(dimension: string, value: string): string {
  switch (dimension) {
    case 'src':
    case 'dst':
    case 'src_port':
    case 'dst_port':
    case 'proto':
    case 'src_as':
    case 'dst_as':
    case 'exporter':
    case 'input':
    case 'output':
      return dimension + ' = ' + value
    case 'device':
    case 'peer':
      return value === 'external' ? 'direction = external' : 'host = ' + value
    case 'src_net':
    case 'src_net16':
      return 'src = ' + value
    case 'dst_net':
    case 'dst_net16':
      return 'dst = ' + value
    case 'tcp_flags':
      return 'flags = ' + (value.replaceAll('.', '') || 'none')
    case 'service': {
      const [proto = '', port] = value.split('/')
      if (port === undefined) return 'proto = ' + proto
      // A service is the lower of both ports.
      if (port === 'dynamic') return `proto = ${proto} and src_port >= ${firstDynamic} and dst_port >= ${firstDynamic}`
      return `proto = ${proto} and port = ${port} and src_port >= ${port} and dst_port >= ${port}`
    }
  }
  return ''
}

/** narrowed adds a term to a filter; not leaves out what fits the term. */
export function narrowed(filter: string, more: string, not = false): string {
  const several = / (and|or) /.test(more)
  const piece = not ? 'not ' + (several ? '(' + more + ')' : more) : more
  const before = filter.trim()
  if (before === '' || before === piece) return piece
  if (before.endsWith(' and ' + piece)) return before
  return (/\bor\b/i.test(before) ? '(' + before + ')' : before) + ' and ' + piece
}

/** placed finds where in a filter an error lies: from 0, undefined when it does not say. */
export function placed(error: string): number | undefined {
  const n = /position (\d+):/.exec(error)?.[1]
  return n === undefined ? undefined : Number(n) - 1
}

/** rate writes one value of a series, as it comes from lines. */
export const rate = (by: By): ((v: number) => string) => (by === 'bytes' ? bits : by === 'packets' ? packets : (v) => si(v, '/s'))

const colors = ['--in', '--out', '--medium', '--good', '--critical', '--high'] // --low and --soft look alike

/** stack is what an answer draws: its largest groups, each with a colour, and all others together, per second. */
export function stack(a: Answer): { times: number[]; lines: Line[] } {
  const times = (a.times ?? []).map((t) => Date.parse(t) / 1000)
  const scale = (a.by === 'bytes' ? 8 : 1) / (a.step_seconds && a.step_seconds > 0 ? a.step_seconds : 1)
  const values = (series: number[] | undefined) => times.map((_, i) => scale * (series?.[i] ?? 0))
  const lines: Line[] = a.groups.slice(0, colors.length).map((g, i) => ({
    label: g.key.join(' · ') || 'all', color: colors[i], values: values(g.series), stacked: true,
  }))
  const rest = values(a.other.series)
  for (const g of a.groups.slice(colors.length)) values(g.series).forEach((v, i) => (rest[i] = (rest[i] ?? 0) + v))
  if (rest.some((v) => v > 0)) lines.push({ label: 'others', color: '--soft', values: rest, stacked: true })
  return { times, lines }
}

/** mark is the colour of the group at a place, as stack draws it. */
export const mark = (i: number) => colors[i] ?? '--soft'

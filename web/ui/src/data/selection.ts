// SPDX-License-Identifier: Apache-2.0

// Which incidents a list shows, as its address says.

import type { Query } from './api'
import type { Selection } from './incident'

export const spans = [
  { value: '1h', name: 'last hour', seconds: 3600 },
  { value: '24h', name: 'last 24 hours', seconds: 86_400 },
  { value: '7d', name: 'last 7 days', seconds: 604_800 },
  { value: '30d', name: 'last 30 days', seconds: 2_592_000 },
]

export const kinds = [
  'ddos', 'ddos_outbound', 'exfiltration', 'slow_exfiltration', 'dns_tunnel', 'icmp_tunnel', 'protocol_tunnel', 'beacon', 'long_connection',
  'threat_list', 'port_scan', 'host_scan', 'brute_force', 'volume', 'level_shift', 'silence', 'new_peers', 'new_ports', 'upload_ratio', 'off_hours',
  'exporter_down', 'incident_overflow',
]

/** selected reads the address. A span is counted from now, by whole minutes, so that asking again asks the same. */
export function selected(p: URLSearchParams, now = Date.now()): Selection {
  const list = (name: string) => (p.get(name) ?? '').split(',').filter((s) => s !== '')
  const span = spans.find((s) => s.value === p.get('span'))
  const since = span ? new Date(Math.floor(now / 60_000) * 60_000 - 1000 * span.seconds).toISOString() : (p.get('since') ?? '')
  return {
    state: list('state'), category: list('category'), min_severity: p.get('min_severity') ?? '', kind: p.get('kind') ?? '',
    subject: p.get('subject') ?? '', text: p.get('text') ?? '', since, until: p.get('until') ?? '',
  }
}

/** question is what to ask the server; old ones know neither kind nor text nor until. */
export function question(s: Selection, cursor: string, limit: number, old: boolean): Query {
  const q: Query = { state: s.state, category: s.category, min_severity: s.min_severity, subject: s.subject, since: s.since, limit, cursor }
  return old ? q : { ...q, kind: s.kind, text: s.text, until: s.until }
}

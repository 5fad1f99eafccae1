// SPDX-License-Identifier: Apache-2.0

// What the API answers, as far as pages use it. /api/v1/openapi.json is the whole.

export type Severity = 'low' | 'medium' | 'high' | 'critical'
export type IncidentState = 'open' | 'acknowledged' | 'mitigated' | 'resolved' | 'closed'
export const severities: Severity[] = ['low', 'medium', 'high', 'critical']
export const states: IncidentState[] = ['open', 'acknowledged', 'mitigated', 'resolved', 'closed']

export interface Indicator {
  name: string
  observed: number
  expected: number
  unit?: string
  weight: number
  detail?: string
  text: string
}

export interface Share {
  key: string
  bytes: number
  packets: number
  flows: number
  share: number
}

export interface Assessment {
  by: string
  verdict: 'threat' | 'legitimate' | 'uncertain'
  confidence: number
  severity?: Severity
  attack_type?: string
  impact?: string
  legitimate_explanation?: string
  recommended_actions?: string[]
  investigation_steps?: string[]
  investigation_priority?: string
  likely_cause?: string
  likely_botnet?: boolean
  estimated_attacker_bps?: number
  likely_data_type?: string
  exfiltration_method?: string
  likely_insider?: boolean
  estimated_bytes_stolen?: number
  attack_techniques?: string[]
  reasons?: string[]
  error?: string
}

export interface Entry {
  at: string
  event: string
  text: string
  values?: Record<string, number>
}

// What of an incident its own page alone shows is typed in incident.ts (Case).
export interface Incident {
  id: string
  category: string
  kind: string
  kinds?: string[]
  vector?: string
  vectors?: string[]
  subject: string
  scope: 'host' | 'prefix'
  severity: Severity
  current_severity: Severity
  score: number
  state: IncidentState
  reason?: string
  acknowledged?: boolean
  verdict?: string
  started: string
  detected: string
  last_seen: string
  updated: string
  ended?: string
  headline?: string
  indicators: Indicator[]
  baseline: { level: string; samples: number; age_days: number; version?: string }
  metrics: Record<string, number>
  top: Partial<Record<'sources' | 'destinations' | 'ports' | 'asns' | 'countries', Share[]>>
  assessment?: Assessment
  rules_assessment?: Assessment
  previous?: string
  parent?: string
  children?: string[]
  timeline: Entry[]
  timeline_dropped?: number
}

export interface IncidentPage {
  incidents: Incident[]
  next?: string
}

export interface Summary {
  since: string
  alerts_last_24h: number
  critical_alerts: number
  ddos_attacks: number
  exfiltration_attempts: number
  baseline_anomalies: number
  open_incidents: number
  exporters: number
  exporters_silent: number
  records_received: number
  sequence_gaps: number
}

export interface Exporter {
  address: string
  protocols: string[]
  last_seen: string
  datagrams: number
  records: number
  lost: number
  sequence_gaps: number
  sequence_resets: number
  missing_templates: number
  held: number
  sampling: number
  sampling_known: boolean
  skew_seconds: number
  errors?: Record<string, number>
  quality?: { score: number; reasons: string[] }
}

export interface Device {
  address: string
  name?: string
  first_seen: string
  last_seen: string
  tier: string
  role: string
  exporter?: string
  bytes_in: number
  bytes_out: number
  risk?: number
}

export interface Mover {
  address: string
  name?: string
  role: string
  field: 'bytes_in' | 'bytes_out'
  now_bits_per_second: number
  expected_bits_per_second: number
  sigma: number
  factor: number
}

export interface TrafficPoint {
  at: string
  in: number
  out: number
  in_low: number | null
  in_expected: number | null
  in_high: number | null
  out_low: number | null
  out_expected: number | null
  out_high: number | null
}

export interface Match {
  source?: string
  destination?: string
  protocol?: string
  source_port?: number
  destination_port?: number
  tcp_flags?: string
  packet_bytes?: { from: number; to: number }
  fragment?: boolean
}

export interface Decision {
  id: string
  incident: string
  category: string
  kind: string
  vector?: string
  severity: Severity
  action: string
  scope: string
  target: string
  match: Match
  rate_bytes_per_second?: number
  via?: string
  state: 'proposed' | 'approved' | 'active' | 'expiring' | 'withdrawn' | 'failed' | 'rejected'
  reason?: string
  detail?: string
  held?: string[]
  dry_run?: boolean
  policy?: string
  step?: number
  origin: string
  by?: string
  covers?: number
  covers_error?: number
  collateral?: number
  collateral_error?: number
  effect: string
  created: string
  approved?: string
  activated?: string
  until?: string
  ended?: string
  updated: string
  error?: string
}

export interface MitigationStatus {
  mode: 'dry_run' | 'act' | 'off'
  halted?: { at: string; by: string; note?: string }
  active: number
  proposed: number
  actuators: { name: string; health?: string; sessions?: { peer: string; state: string; since: string }[] }[]
}

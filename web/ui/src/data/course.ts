// SPDX-License-Identifier: Apache-2.0

// The course of traffic around an incident, out of an answer about recorded flows.

export interface Answer {
  step_seconds?: number
  partial?: boolean
  reason?: string
  times?: string[]
  groups: { key: string[]; series?: number[] }[]
  other?: { series?: number[] }
}

/** around is the time to show: the incident and a third of it on both sides, ten minutes at least. */
export function around(started: string, last: string, now = Date.now()): { from: string; to: string } {
  const begin = Date.parse(started)
  const end = Math.max(begin, Date.parse(last))
  const margin = Math.max(600_000, (end - begin) / 3)
  return { from: new Date(begin - margin).toISOString(), to: new Date(Math.min(end + margin, Math.max(now, end))).toISOString() }
}

/** summed adds up all groups of an answer: Unix seconds, and bits per second in each step. */
export function summed(a: Answer): { times: number[]; values: number[] } {
  const times = (a.times ?? []).map((t) => Date.parse(t) / 1000)
  const values = times.map(() => 0)
  const step = a.step_seconds && a.step_seconds > 0 ? a.step_seconds : 1
  for (const g of [...a.groups, a.other ?? {}]) g.series?.forEach((v, n) => n < values.length && (values[n] = (values[n] ?? 0) + (8 * v) / step))
  return { times, values }
}

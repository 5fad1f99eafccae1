// SPDX-License-Identifier: Apache-2.0

// One stream of server-sent events for all pages. It is closed while nobody looks, and
// opened again by growing pauses after an error.

import type { Decision, Incident } from './types'

export interface Traffic {
  at: string
  in_bits_per_second: number
  out_bits_per_second: number
  in_packets_per_second: number
  out_packets_per_second: number
  flows_per_second: number
}

export interface IncidentChange {
  type: string
  incident: Incident
}

type Topic = { traffic: Traffic; incident: IncidentChange; mitigation: { decision: Decision } }

export const live = $state<{ connected: boolean; traffic?: Traffic; version: string }>({ connected: false, version: '' })

const heard: { [T in keyof Topic]: Set<(data: Topic[T]) => void> } = {
  traffic: new Set(),
  incident: new Set(),
  mitigation: new Set(),
}

/** on calls f with each event of a topic until the function that it returns is called. */
export function on<T extends keyof Topic>(topic: T, f: (data: Topic[T]) => void): () => void {
  const set = heard[topic] as Set<(data: Topic[T]) => void>
  set.add(f)
  return () => set.delete(f)
}

let source: EventSource | undefined
let pause = 1000
let timer: ReturnType<typeof setTimeout> | undefined

/** connect opens the stream, unless it is open. */
export function connect(): void {
  if (source !== undefined || document.hidden) return
  clearTimeout(timer)
  const s = new EventSource('/api/v1/stream')
  source = s
  s.addEventListener('hello', (e) => {
    live.connected = true
    pause = 1000
    const version = read<{ version: string }>(e)?.version ?? ''
    if (live.version !== '' && version !== live.version) location.reload() // another dashboard is served now
    live.version = version
  })
  for (const topic of ['traffic', 'incident', 'mitigation'] as const) {
    s.addEventListener(topic, (e) => {
      const data = read<never>(e)
      if (data === undefined) return
      live.connected = true
      if (topic === 'traffic') live.traffic = data
      for (const f of heard[topic]) (f as (d: never) => void)(data)
    })
  }
  s.onerror = () => {
    disconnect()
    timer = setTimeout(connect, pause)
    pause = Math.min(2 * pause, 30_000)
  }
}

export function disconnect(): void {
  clearTimeout(timer) // who left does not come back by itself
  source?.close()
  source = undefined
  live.connected = false
}

function read<T>(e: Event): T | undefined {
  try {
    return JSON.parse((e as MessageEvent<string>).data) as T
  } catch {
    return undefined
  }
}

document.addEventListener('visibilitychange', () => {
  if (document.hidden) disconnect()
  else if (wanted) connect()
})

let wanted = false

/** follow keeps the stream open for as long as somebody looks; false ends it. */
export function follow(yes: boolean): void {
  wanted = yes
  if (yes) connect()
  else disconnect()
}

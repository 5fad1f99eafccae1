// SPDX-License-Identifier: Apache-2.0

// What the API answers about accounts, sinks, the configuration and the program itself.

import type { Role } from './session.svelte'

export interface User {
  name: string
  role: Role
  created: string
  last_seen?: string
  disabled?: boolean
}

export type Scope = 'read' | 'write' | 'admin'

export interface Token {
  id: string
  name: string
  scope: Scope
  created: string
  expires?: string
  last_used?: string
  by?: string
}

export interface MadeToken extends Token {
  token: string
}

export interface Sink {
  name: string
  kind: string
  health?: string
  pending: number
  last_sent?: string
}

export interface AuditLine {
  number: number
  at: string
  who: string
  what: string
  target?: string
  detail?: string
}

export interface History {
  oldest?: string
  newest?: string
  flows: number
  bytes_on_disk: number
  segments: number
  dropped: number
  health?: string
}

export const roles: Role[] = ['viewer', 'operator', 'admin']

/** rights says what a role or a scope may do. */
export const rights: Record<Role | Scope, string> = {
  viewer: 'reads everything but the configuration',
  operator: 'reads, and decides about incidents, mitigations, events and baselines',
  admin: 'does everything, accounts and configuration, too',
  read: 'reads',
  write: 'reads and decides, as an operator does',
}

/** page is where a line of the audit leads, as far as its subject has a page. */
export function page(line: AuditLine): string[] | undefined {
  const target = line.target ?? ''
  if (target === '') return undefined
  if (target.startsWith('inc-')) return ['incidents', target]
  if (line.what.startsWith('mitigation.')) return ['mitigations', target]
  if (line.what.startsWith('event.')) return ['events']
  return undefined
}

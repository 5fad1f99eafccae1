// SPDX-License-Identifier: Apache-2.0

// Who uses this page, as the server says.

import { Problem, get, post, del } from './api'
import { setSite } from './zone'

export type Role = 'viewer' | 'operator' | 'admin'

export interface Session {
  set_up: boolean
  user?: { name: string; role: Role }
  csrf?: string
  version: string
  zone?: string // the site's
}

export const session = $state<{ known: boolean; now: Session; error: string }>({
  known: false,
  now: { set_up: false, version: '' },
  error: '',
})

const ranks: Record<Role, number> = { viewer: 0, operator: 1, admin: 2 }

/** may tells whether who is signed in has this role or one above it. */
export function may(role: Role): boolean {
  const user = session.now.user
  return user !== undefined && ranks[user.role] >= ranks[role]
}

/** reads tells whether this page may ask for anything: before there are users, reading is open on the machine itself. */
export const reads = () => session.known && (session.now.user !== undefined || !session.now.set_up)

export const csrf = () => session.now.csrf ?? ''

export async function whoami(): Promise<void> {
  try {
    session.now = await get<Session>('session')
    setSite(session.now.zone ?? '')
    session.error = ''
  } catch (error) {
    if (error instanceof Problem && error.status === 404) session.now = { set_up: false, version: '' }
    else session.error = error instanceof Error ? error.message : String(error)
  }
  session.known = session.error === ''
}

export async function signIn(name: string, password: string): Promise<void> {
  session.now = await post<Session>('session', { name, password })
}

export async function setUp(key: string, name: string, password: string): Promise<void> {
  session.now = await post<Session>('setup', { key, name, password })
}

export async function enter(key: string): Promise<void> {
  session.now = await post<Session>('session/link', { key })
}

export async function signOut(): Promise<void> {
  await del('session')
  await whoami()
}

/** signedOut notes that the server wants to know anew who this is. */
export function signedOut(): void {
  session.now = { ...session.now, set_up: true, user: undefined, csrf: undefined }
}

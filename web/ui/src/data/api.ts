// SPDX-License-Identifier: Apache-2.0

// The HTTP API of the server that served this page. An error is a problem document
// (RFC 9457), whose detail is a sentence for people.

import { csrf, signedOut } from './session.svelte'

/** Problem is why a request failed, in the server's words. */
export class Problem extends Error {
  constructor(
    readonly status: number,
    detail: string,
    readonly errors: { message: string; location?: string }[] = [],
    readonly retryAfter = 0,
  ) {
    super(detail)
  }
}

export type Query = Record<string, string | number | boolean | string[] | undefined>

/** query writes what is set as the part of an address after the question mark. */
export function query(q: Query): string {
  const p = new URLSearchParams()
  for (const [key, value] of Object.entries(q)) {
    if (value === undefined || value === '' || value === false) continue
    if (Array.isArray(value)) {
      if (value.length > 0) p.set(key, value.join(','))
    } else p.set(key, String(value))
  }
  const text = p.toString()
  return text === '' ? '' : '?' + text
}

async function send<T>(method: string, path: string, body: unknown, signal?: AbortSignal): Promise<T> {
  const headers: Record<string, string> = { Accept: 'application/json' }
  if (body !== undefined) headers['Content-Type'] = 'application/json'
  const token = csrf()
  if (method !== 'GET' && token !== '') headers['X-CSRF-Token'] = token
  let response: Response
  try {
    response = await fetch('/api/v1/' + path, {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      signal,
      credentials: 'same-origin',
    })
  } catch (cause) {
    if (signal?.aborted) throw cause
    throw new Problem(0, 'The server does not answer. It may be restarting; this page tries again.')
  }
  if (response.status === 204) return undefined as T
  const text = await response.text()
  let read: unknown
  try {
    read = text === '' ? undefined : JSON.parse(text)
  } catch {
    throw new Problem(response.status, 'The server sent something that is no JSON.')
  }
  if (response.ok) return read as T
  const p = (read ?? {}) as { detail?: string; title?: string; errors?: { message: string; location?: string }[] }
  if (response.status === 401 && path !== 'session' && !path.startsWith('session/')) signedOut()
  throw new Problem(
    response.status,
    p.detail ?? p.title ?? 'The server refused with status ' + response.status + '.',
    p.errors ?? [],
    Number(response.headers.get('Retry-After') ?? 0),
  )
}

export const get = <T>(path: string, q: Query = {}, signal?: AbortSignal) => send<T>('GET', path + query(q), undefined, signal)
export const post = <T>(path: string, body: unknown = {}) => send<T>('POST', path, body)
export const patch = <T>(path: string, body: unknown) => send<T>('PATCH', path, body)
export const del = <T>(path: string, q: Query = {}) => send<T>('DELETE', path + query(q), undefined)

/** sentence is what to show of whatever was thrown. */
export function sentence(error: unknown): string {
  if (error instanceof Problem) {
    const more = error.errors.map((e) => e.message).filter((m) => m !== '')
    return more.length === 0 ? error.message : error.message + ': ' + more.join('; ')
  }
  return error instanceof Error ? error.message : String(error)
}

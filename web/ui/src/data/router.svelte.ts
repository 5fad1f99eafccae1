// SPDX-License-Identifier: Apache-2.0

// The part of the address behind '#' names the page, so that the server need not know
// pages and a link can be sent to somebody: #/incidents/ID?state=open

export interface Route {
  path: string[]
  params: URLSearchParams
}

/** parse reads what stands behind '#'. */
export function parse(hash: string): Route {
  const text = hash.replace(/^#\/?/, '')
  const at = text.indexOf('?')
  const path = at < 0 ? text : text.slice(0, at)
  return {
    path: path.split('/').filter((s) => s !== '').map(decode),
    params: new URLSearchParams(at < 0 ? '' : text.slice(at + 1)),
  }
}

function decode(s: string): string {
  try {
    return decodeURIComponent(s)
  } catch {
    return s
  }
}

/** href is the address of a page; empty parameters are left out. */
export function href(path: string[], params: Record<string, string | undefined> = {}): string {
  const p = new URLSearchParams()
  for (const [key, value] of Object.entries(params)) if (value !== undefined && value !== '') p.set(key, value)
  const query = p.toString()
  return '#/' + path.map(encodeURIComponent).join('/') + (query === '' ? '' : '?' + query)
}

export const route = $state<{ now: Route }>({ now: parse(location.hash) })

addEventListener('hashchange', () => {
  route.now = parse(location.hash)
})

export function go(path: string[], params: Record<string, string | undefined> = {}): void {
  location.hash = href(path, params)
}

/** param changes parameters of the page that is shown, without a step in the history. */
export function param(changes: Record<string, string | undefined>): void {
  const all: Record<string, string | undefined> = Object.fromEntries(route.now.params)
  history.replaceState(null, '', href(route.now.path, { ...all, ...changes }))
  route.now = parse(location.hash)
}

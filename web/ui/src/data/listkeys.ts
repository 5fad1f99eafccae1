// SPDX-License-Identifier: Apache-2.0

// The keys of a list: / searches, j and k go down and up, Enter opens.

interface Press {
  key: string
  ctrlKey: boolean
  metaKey: boolean
  altKey: boolean
}

/** meaning is what a key means where the focus is on an element of that name; '' when it is none of ours. */
export function meaning(e: Press, on: string, inDialog: boolean): 'search' | 'down' | 'up' | 'open' | '' {
  if (e.ctrlKey || e.metaKey || e.altKey || inDialog || /^(INPUT|SELECT|TEXTAREA)$/.test(on)) return ''
  if (e.key === '/') return 'search'
  if (e.key === 'j') return 'down'
  if (e.key === 'k') return 'up'
  return e.key === 'Enter' && !/^(A|BUTTON|SUMMARY)$/.test(on) ? 'open' : ''
}

/** pressed does what a key means in a list of so many rows, of which the one at is marked (-1: none), and returns the one that is marked then. */
export function pressed(e: KeyboardEvent, at: number, length: number, rows: HTMLElement | undefined, open: (at: number) => void): number {
  const on = e.target as HTMLElement
  switch (meaning(e, on.tagName, on.closest('dialog') !== null)) {
    case 'search':
      e.preventDefault()
      document.querySelector<HTMLInputElement>('[data-key="/"]')?.focus()
      return at
    case 'open':
      if (at >= 0 && at < length) open(at)
      return at
    case 'down':
    case 'up': {
      const to = Math.max(0, Math.min(length - 1, at + (e.key === 'j' ? 1 : -1)))
      rows?.children[to]?.scrollIntoView({ block: 'nearest' })
      return to
    }
    default:
      return at
  }
}

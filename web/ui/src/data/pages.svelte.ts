// SPDX-License-Identifier: Apache-2.0

// A long list that the API hands out by pages: the first is asked for at once and when what
// it depends on changes, the next when somebody wants more.

import type { Asked } from './ask.svelte'
import { Problem, get, sentence, type Query } from './api'
import { pause } from './pause'

export interface Paged<T> extends Asked<T[]> {
  readonly more: boolean // there is a further page
  next(): void
}

/** paged must be called while a component is set up; field is where a page has its items. */
export function paged<T>(ask: () => { path: string; query?: Query }, field: string): Paged<T> {
  const state = $state<{ items?: T[]; cursor: string; error: string; status: number; loading: boolean; turn: number }>({
    cursor: '', error: '', status: 0, loading: true, turn: 0,
  })
  let abort = new AbortController()

  async function look(before: T[], cursor: string): Promise<void> {
    const { signal } = abort
    state.loading = true
    const what = ask()
    try {
      const got = await get<Record<string, unknown>>(what.path, { ...what.query, cursor }, signal)
      if (signal.aborted) return
      state.items = [...before, ...(got[field] as T[])]
      state.cursor = (got['next'] as string | undefined) ?? ''
      state.error = ''
      state.status = 0
    } catch (error) {
      if (signal.aborted) return
      state.error = sentence(error)
      state.status = error instanceof Problem ? error.status : 0
      if (state.status === 0) setTimeout(() => signal.aborted || void look(before, cursor), 1000 * pause(0, false))
    }
    state.loading = false
  }

  $effect(() => {
    void state.turn
    ask() // what it depends on
    abort = new AbortController()
    void look([], '')
    return () => abort.abort()
  })
  return {
    get data() {
      return state.items
    },
    get error() {
      return state.error
    },
    get status() {
      return state.status
    },
    get loading() {
      return state.loading
    },
    get more() {
      return state.cursor !== ''
    },
    again() {
      state.turn++
    },
    next() {
      if (!state.loading && state.cursor !== '') void look(state.items ?? [], state.cursor)
    },
  }
}

// SPDX-License-Identifier: Apache-2.0

// A question to the API that a page shows the answer of: it is asked again when what it
// depends on changes, each few seconds if it is said how many, and when the server did not
// answer; who leaves takes it back.

import { Problem, get, sentence, type Query } from './api'
import { pause } from './pause'

export interface Asked<T> {
  readonly data: T | undefined
  readonly error: string
  readonly status: number // of the problem, 0 for none
  readonly loading: boolean
  again(): void
}

/**
 * ask must be called while a component is set up. path returns what to ask for, undefined
 * for nothing yet.
 */
export function ask<T>(path: () => { path: string; query?: Query } | undefined, every = 0): Asked<T> {
  const state = $state<{ data?: T; error: string; status: number; loading: boolean; turn: number }>({
    error: '',
    status: 0,
    loading: true,
    turn: 0,
  })
  $effect(() => {
    void state.turn
    const what = path()
    if (what === undefined) return
    const abort = new AbortController()
    let timer: ReturnType<typeof setTimeout> | undefined
    const look = async () => {
      try {
        const got = await get<T>(what.path, what.query ?? {}, abort.signal)
        if (abort.signal.aborted) return
        state.data = got
        state.error = ''
        state.status = 0
      } catch (error) {
        if (abort.signal.aborted) return
        state.error = sentence(error)
        state.status = error instanceof Problem ? error.status : 0
      }
      state.loading = false
      const seconds = pause(every, state.error === '' || state.status > 0)
      if (seconds > 0) timer = setTimeout(() => void wait(), seconds * 1000)
    }
    // Nobody looks at a hidden page, so it asks nothing.
    const wait = () => {
      if (document.hidden) timer = setTimeout(() => void wait(), 1000)
      else void look()
    }
    state.loading = true
    void look()
    return () => {
      abort.abort()
      clearTimeout(timer)
    }
  })
  return {
    get data() {
      return state.data
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
    again() {
      state.turn++
    },
  }
}

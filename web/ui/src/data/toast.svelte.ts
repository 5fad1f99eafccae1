// SPDX-License-Identifier: Apache-2.0

// Short messages about what was just done.

import { sentence } from './api'

export const toasts = $state<{ all: { id: number; text: string; bad: boolean }[] }>({ all: [] })

let next = 1

function tell(text: string, bad: boolean, seconds: number): void {
  const id = next++
  toasts.all = [...toasts.all.slice(-3), { id, text, bad }]
  setTimeout(() => dismiss(id), seconds * 1000)
}

export const dismiss = (id: number) => {
  toasts.all = toasts.all.filter((t) => t.id !== id)
}

export const done = (text: string) => tell(text, false, 5)
export const failed = (error: unknown) => tell(sentence(error), true, 12)

/** attempt runs what a button does and says how it went; true when it went well. */
export async function attempt(what: () => Promise<unknown>, text: string): Promise<boolean> {
  try {
    await what()
    done(text)
    return true
  } catch (error) {
    failed(error)
    return false
  }
}

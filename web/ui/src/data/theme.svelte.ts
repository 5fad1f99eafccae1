// SPDX-License-Identifier: Apache-2.0

// Light, dark, or as the system says; kept in this browser.

export type Theme = 'system' | 'light' | 'dark'

const key = 'tidewatch.theme'
const dark = matchMedia('(prefers-color-scheme: dark)')

function kept(): Theme {
  const t = localStorage.getItem(key)
  return t === 'light' || t === 'dark' ? t : 'system'
}

export const theme = $state<{ chosen: Theme; dark: boolean }>({ chosen: kept(), dark: dark.matches })

function apply(): void {
  theme.dark = theme.chosen === 'system' ? dark.matches : theme.chosen === 'dark'
  document.documentElement.dataset['theme'] = theme.dark ? 'dark' : 'light'
}

export function choose(t: Theme): void {
  theme.chosen = t
  localStorage.setItem(key, t)
  apply()
}

dark.addEventListener('change', apply)
apply()

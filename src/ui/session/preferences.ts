/** What one person likes on one browser: kept in localStorage, heard of by every tab. Never anything secret. */
import { useSyncExternalStore } from 'react'
import type { Language } from '../text/language.ts'
import type { TimeZone } from '../text/time-zone.ts'

export interface Preferences {
  theme: 'system' | 'light' | 'dark'
  time_zone: TimeZone
  language: Language | 'auto'
  /** The way of the side menu. */
  nav_open: boolean
  /** Of guests' consoles: the keyboard that is set there; '' is one's own. */
  console_layout: string
}

const standard: Preferences = {
  theme: 'system',
  time_zone: 'local',
  language: 'auto',
  nav_open: true,
  console_layout: '',
}
const key = 'croft.preferences'
const listeners = new Set<() => void>()
let current = read()

function read(): Preferences {
  try {
    return { ...standard, ...(JSON.parse(localStorage.getItem(key) ?? '{}') as Partial<Preferences>) }
  } catch {
    // Something else wrote there, or storage is forbidden: the standard will do.
    return standard
  }
}

export function preferences(): Preferences {
  return current
}

export function prefer(changes: Partial<Preferences>): void {
  current = { ...current, ...changes }
  try {
    localStorage.setItem(key, JSON.stringify(current))
  } catch {
    // Storage is forbidden or full: it holds for this page only.
  }
  for (const listener of listeners) listener()
}

addEventListener('storage', event => {
  if (event.key !== key) return
  current = read()
  for (const listener of listeners) listener()
})

export function usePreferences(): Preferences {
  return useSyncExternalStore(listener => {
    listeners.add(listener)
    return () => listeners.delete(listener)
  }, preferences)
}

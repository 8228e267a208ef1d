/** The language in force: the preference, or the browser's. Its own module, so that catalogues need nothing else. */

export const languages = ['en', 'de'] as const
export type Language = (typeof languages)[number]

let current: Language | undefined
const listeners = new Set<() => void>()

export function language(): Language {
  current ??= ofBrowser()
  return current
}

/** Called when another language is in force. */
export function onLanguage(listener: () => void): () => void {
  listeners.add(listener)
  return () => listeners.delete(listener)
}

/** Once its words are there (speak.ts). */
export function becomeLanguage(next: Language): void {
  current = next
  for (const listener of listeners) listener()
}

/** As the browser's user writes that language: dates of en-GB are not those of en-US. For Intl. */
export function regional(): string {
  const asked = typeof navigator === 'undefined' ? [] : navigator.languages
  return asked.find(one => one.startsWith(`${language()}-`)) ?? language()
}

export function preferredLanguage(preference: Language | 'auto'): Language {
  return preference === 'auto' ? ofBrowser() : preference
}

function ofBrowser(): Language {
  const asked = typeof navigator === 'undefined' ? ['en'] : navigator.languages
  return asked.some(one => one.startsWith('en')) || !asked[0]?.startsWith('de') ? 'en' : 'de'
}

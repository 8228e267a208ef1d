/** The language in force: the preference, or the browser's. Its own module, so that catalogues need nothing else. */
import type { Language } from './catalogue.ts'

let current: Language | undefined

export function language(): Language {
  current ??= ofBrowser()
  return current
}

/** The page is drawn anew by whoever calls this (shell/app.tsx). */
export function useLanguageOf(preference: Language | 'auto'): Language {
  current = preference === 'auto' ? ofBrowser() : preference
  return current
}

function ofBrowser(): Language {
  const asked = typeof navigator === 'undefined' ? ['en'] : navigator.languages
  return asked.some(one => one.startsWith('en')) || !asked[0]?.startsWith('de') ? 'en' : 'de'
}

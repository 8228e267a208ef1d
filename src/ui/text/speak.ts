/** Has the words of a language loaded before it is in force: the others are never fetched. */
import { addWords } from './catalogue.ts'
import { becomeLanguage, type Language } from './language.ts'

const loads = {
  en: () => import('virtual:croft-words/en'),
  de: () => import('virtual:croft-words/de'),
} as const satisfies Record<Language, unknown>

let wanted: Language | undefined

/** Of two wishes the later one holds, whichever is there first. Rejects when the words cannot be had. */
export async function speak(language: Language): Promise<void> {
  wanted = language
  const { words } = await loads[language]()
  addWords(language, words)
  if (wanted === language) becomeLanguage(language)
}

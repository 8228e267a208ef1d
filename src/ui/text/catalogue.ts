/**
 * Words in the user's language. A catalogue has the same keys in every language, held by its type; messages take {name} and
 * {n, plural, one {# host} other {# hosts}}, as ICU has them. No more of ICU than that.
 */
import { type Language, language } from './language.ts'

export type Values = Readonly<Record<string, string | number>>
export type Words<K extends string> = {
  (key: K, values?: Values): string
  /** For a key that is known at run time only, such as a state's; null when there is none. */
  maybe(key: string, values?: Values): string | null
  /** All messages: for the build, and the test that holds languages together. Not there in a browser. */
  messages: Readonly<Record<Language, Readonly<Record<K, string>>>>
}
type Messages<K extends string> = Readonly<Record<K, string>>

/** All languages side by side. The build takes them apart (scripts/ui/words-plugin.ts). */
export function catalogue<K extends string>(messages: {
  en: Record<K, string>
  de: Record<NoInfer<K>, string>
}): Words<K> {
  return Object.assign(
    wordsFrom<K>(() => messages[language()]),
    { messages },
  )
}

/** By language and catalogue: only the languages that were used. */
const loaded = new Map<Language, Readonly<Record<string, Messages<string>>>>()

export function addWords(language: Language, words: Readonly<Record<string, Messages<string>>>): void {
  loaded.set(language, words)
}

/**
 * What the build makes of a catalogue: its words come from the file of the language in use.
 * @public The sources do not name it.
 */
export function builtCatalogue<K extends string>(name: string): Omit<Words<K>, 'messages'> {
  return wordsFrom<K>(() => {
    const messages = loaded.get(language())?.[name]
    if (!messages)
      throw new Error(`The words of '${name}' were asked for before the language ${language()} was loaded.`)
    return messages
  })
}

function wordsFrom<K extends string>(messages: () => Messages<K>) {
  const words = (key: K, values: Values = {}) => format(messages()[key], values)
  const maybe = (key: string, values: Values = {}) =>
    Object.hasOwn(messages(), key) ? format(messages()[key as K], values) : null
  return Object.assign(words, { maybe })
}

const plurals = new Map<Language, Intl.PluralRules>()

function pluralOf(n: number): string {
  const current = language()
  const rules = plurals.get(current) ?? new Intl.PluralRules(current)
  plurals.set(current, rules)
  return rules.select(n)
}

export function format(message: string, values: Values): string {
  let text = ''
  for (let at = 0; at < message.length; ) {
    const open = message.indexOf('{', at)
    if (open < 0) return text + message.slice(at)
    const close = closing(message, open)
    text += message.slice(at, open) + part(message.slice(open + 1, close), values)
    at = close + 1
  }
  return text
}

function closing(message: string, open: number): number {
  let depth = 0
  for (let at = open; at < message.length; at++) {
    if (message[at] === '{') depth++
    if (message[at] === '}' && --depth === 0) return at
  }
  throw new Error(`A message has a brace without its partner: ${message}`)
}

function part(inside: string, values: Values): string {
  const match = /^\s*(\w+)\s*(?:,\s*plural\s*,\s*(.*))?$/s.exec(inside)
  if (!match?.[1]) throw new Error(`A message has braces around what is no name: {${inside}}`)
  const value = values[match[1]] ?? `{${match[1]}}`
  if (match[2] === undefined) return typeof value === 'number' ? new Intl.NumberFormat(language()).format(value) : value
  const choices = choicesOf(match[2])
  const chosen = choices[`=${value}`] ?? choices[pluralOf(Number(value))] ?? choices.other ?? ''
  return format(chosen.replaceAll('#', new Intl.NumberFormat(language()).format(Number(value))), values)
}

function choicesOf(text: string): Record<string, string> {
  const choices: Record<string, string> = {}
  const word = /\s*(=?\w+)\s*(?=\{)/y
  for (let at = 0; at < text.length; ) {
    word.lastIndex = at
    const found = word.exec(text)
    if (!found?.[1]) break
    const close = closing(text, word.lastIndex)
    choices[found[1]] = text.slice(word.lastIndex + 1, close)
    at = close + 1
  }
  return choices
}

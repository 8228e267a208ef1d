/** Where parts of pages find nouns and pages by name. nouns.ts fills it in; apart from it, so that definitions may use all parts. */
import type { NounDefinition, PageDefinition } from './definition.ts'

let nouns: readonly NounDefinition[] = []
let pages: readonly PageDefinition[] = []

export function register(all: readonly NounDefinition[], others: readonly PageDefinition[]): void {
  nouns = all
  pages = others
}

export const allNouns = () => nouns
export const allPages = () => pages
export const nounAt = (path: string) => nouns.find(noun => noun.path === path)
export const nounNamed = (name: string) => nouns.find(noun => noun.name === name)
export const pageAt = (path: string) => pages.find(page => page.path === path)

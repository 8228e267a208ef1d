/** Every noun that has pages, one line each; navigation, addresses, search and command palette follow from it. */
import { flavor } from './flavor/definition.tsx'
import { instance } from './instance/definition.tsx'
import type { NounDefinition, PageDefinition } from './noun/definition.ts'

export const nouns: readonly NounDefinition[] = [instance, flavor]

/** Pages that are no noun's. */
export const pages: readonly PageDefinition[] = []

/**
 * What a noun is to the UI, as a value: its list, its page, its actions, its form. The generic pages (parts/) are driven by it, as are
 * navigation, global search and command palette. Write one in src/ui/<noun>/definition.tsx and name it in src/ui/nouns.ts.
 */
import type { ComponentType, ReactNode } from 'react'
import type { Route } from '../../api/route.ts'
import type { Session } from '../../api/session.ts'
import type { LooseInput } from '../../sdk/client.ts'

export interface Item {
  id: string
  name?: string
}

/** A function, so that it is in the language that holds when it is shown. */
export type Title = () => string

export interface Column<T> {
  id: string
  title: Title
  cell(item: T): ReactNode
  /** The field to sort by, if the API can: 'name'. */
  sort?: string
  /** As CSS grid has it; without it `minmax(6rem, 1fr)`. */
  width?: string
  /** Numbers, to the right. */
  numeric?: boolean
  /** There, but not shown until chosen. */
  hidden?: boolean
}

/** A filter is a field of the list route's query; its value is in the page's URL. `search` is there by itself when a noun has names. */
export interface Filter {
  field: string
  title: Title
  /** 'yes': only there when it is set. 'choices': one or several; in the URL with commas between them. */
  kind: 'choice' | 'choices' | 'noun' | 'text' | 'yes'
  options?: readonly { value: string; title: Title }[]
  /** Whose names are to choose from. */
  noun?: string
  /** Looked for seldom: there once it is asked for, or set. */
  more?: boolean
}

export interface Action<T> {
  id: string
  title: Title
  route: Route
  /** Why it cannot be done with this one now, as a sentence; undefined when it can. Permission is looked at before. */
  whyNot?(item: T): string | undefined
  input(item: T): LooseInput
  /** Asked first. It names the thing, and says what is lost. */
  confirm?: { title(n: number): string; body(items: readonly T[]): string }
  danger?: boolean
  /** Among the page's buttons, and not in the menu. */
  primary?: boolean
  /** Not for several at once. */
  single?: boolean
  /** In place of a call at once: a dialog of its own, such as an edit form. It calls done() when it is to close. */
  dialog?: () => Promise<{ default: ComponentType<{ item: T; done: () => void }> }>
  /** After success the page of the thing gives way to this. */
  leads_to?: 'list'
}

export interface Tab<T> {
  id: string
  title: Title
  load: () => Promise<{ default: ComponentType<{ item: T }> }>
  /** Without it everyone who sees the thing. */
  needs?: Pick<Route, 'level' | 'needs'>
  /** Not for every thing. */
  when?(item: T): boolean
  /** What it shows and does, as calls; of events, metrics and settings the page knows by itself. */
  calls?(item: T): readonly { route: Route; input: LooseInput }[]
}

export interface NounDefinition<T extends Item = Item> {
  /** As the contract has it: 'security-group'. */
  name: string
  /** In the URL: /ui/security-groups */
  path: string
  area: Area
  title: Title
  titles: Title
  icon: ComponentType
  list: Route
  /** Filters that always hold, such as a scope, of whoever is signed in. */
  list_query?: () => Readonly<Record<string, unknown>>
  default_sort?: string
  get?: { route: Route; param: string }
  columns: readonly Column<T>[]
  filters?: readonly Filter[]
  actions?: readonly Action<T>[]
  tabs?: readonly Tab<T>[]
  /** Beside the name on its page, such as a state. */
  badge?(item: T): ReactNode
  /** What it is called; without it its name, or a part of its id. */
  label?(item: T): string
  create?: { route: Route; title: Title; load: () => Promise<{ default: ComponentType }> }
  /** Beside the create button: other things to do from the list, such as inviting a host. */
  extras?: () => Promise<{ default: ComponentType }>
  /** What an empty list says: what these are for, and what to do. */
  empty: Title
  /** Its title, where "No … yet" would be no sentence. */
  empty_title?: Title
  /** By each filter of a list's query that equal fields do not answer: whether it lets the thing in. Null: cannot be told from the thing. */
  judge?(item: T, query: Readonly<Record<string, unknown>>): Readonly<Record<string, boolean | null>>
  /** What its list can be searched by; without it, name and id. */
  searched_by?: Title
  /** Its list cannot be searched. */
  not_searched?: boolean
  /** Of the whole cloud: no list of all projects' things. */
  of_the_cloud?: boolean
  /** Other nouns whose events change what its list shows, such as sums over them: it is read again. Itself, where events of it say no more than its id. */
  follows?: readonly string[]
  /** Lists of a project also have things of others, such as public images. */
  shared_between_projects?: boolean
  /** In the navigation only of who holds this; others come to it by links. */
  listed_for?: Pick<Route, 'level' | 'needs'>
  /** Hidden from the navigation, such as what has its place on another noun's page. */
  unlisted?: boolean
}

/** Groups of the navigation, in this order. */
export const areas = ['compute', 'network', 'storage', 'operate', 'access'] as const
export type Area = (typeof areas)[number]

/** A page that is no noun's, such as a topology. */
export interface PageDefinition {
  path: string
  area: Area
  title: Title
  icon: ComponentType
  needs: Pick<Route, 'level' | 'needs'>
  load: () => Promise<{ default: ComponentType }>
}

/** Keeps a definition's item type to itself: the registry holds all kinds alike. */
export function defineNoun<T extends Item>(noun: NounDefinition<T>): NounDefinition {
  // Handlers of T are only ever given what the noun's own routes answered.
  return noun as NounDefinition<never> as NounDefinition
}

/** What a list is asked for: as its URL has it, with several choices apart. */
export function queryOf(
  noun: NounDefinition,
  search: Readonly<Record<string, string>>,
): Readonly<Record<string, unknown>> {
  const several = new Set(noun.filters?.filter(one => one.kind === 'choices').map(one => one.field))
  return Object.fromEntries(
    Object.entries(search).map(([field, value]) => [field, several.has(field) ? value.split(',') : value]),
  )
}

export function mayListAll(
  { list: { level, needs }, of_the_cloud }: NounDefinition,
  { permissions }: Session,
): boolean {
  return !of_the_cloud && level === 'project' && needs !== null && permissions.system.includes(needs)
}

export function labelOf(noun: NounDefinition, item: Item): string {
  return noun.label?.(item) ?? item.name ?? item.id.slice(-8)
}

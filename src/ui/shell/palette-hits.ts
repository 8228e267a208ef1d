/**
 * What the command palette offers for what is typed: things found anywhere, what can be done with them, pages to go to, things to make,
 * and one's own matters. Made from the registry of nouns. Not its job: how it is shown and run (command-palette.tsx).
 */
import { useQueries } from '@tanstack/react-query'
import { useEffect, useState } from 'react'
import type { Found } from '../../api/search.ts'
import type { Session } from '../../api/session.ts'
import { ask, useRead } from '../api/read.ts'
import { routes } from '../api/routes.ts'
import { type Action, type Item, labelOf, type NounDefinition, type Tab } from '../noun/definition.ts'
import { allNouns, nounNamed } from '../noun/registry.ts'
import { actionsFor, whyNot } from '../noun/why-not.ts'
import { addressOf } from '../parts/link.tsx'
import { prefer } from '../session/preferences.ts'
import { may, signOut, switchProject, useSession } from '../session/session.ts'
import { words } from '../text/shared.ts'
import { usePlaces } from './navigation.tsx'
import { operations } from './operations.ts'

export interface Hit {
  key: string
  kind: string
  title: string
  /** An address to go to, a call to make, or an action, of which more may have to be asked. */
  does: { to: string } | { run: () => void } | { noun: NounDefinition; action: Action<Item>; item: Item }
}

/** Things are asked for once the hand rests. */
const typing_ms = 150
const hits_per_noun = 5
/** What can be done is offered of so many of the things found. */
const acted_max = 3

export interface Hits {
  hits: readonly Hit[]
  /** Nothing more is on its way for what is asked; until then what stands first may still change. */
  settled: boolean
  /** What is looked for, as it is asked of the API. */
  query: Query
  /** Why nothing could be looked for. */
  error: unknown
}

export function useHits(asked: string): Hits {
  const verb = useVerb(asked)
  const looked_for = verb ? verb.rest : asked
  const rested = useRested(looked_for)
  const query = queryFor(useSession(), looked_for)
  const { found, pending: finding, error } = useFound(query, rested === looked_for && looked_for !== '')
  const { deeds, pending: asking } = useDeeds(found, verb?.said)
  const commands = useCommands(asked)
  const things = found.map(({ noun, found: one }): Hit => {
    const by = one.matched === 'name' ? noun.title() : `${noun.title()} · ${rested}`
    return { key: `${noun.name} ${one.id}`, kind: by, title: nameOf(one), does: { to: addressOf(noun.path, one.id) } }
  })
  const hits = verb ? [...deeds, ...commands, ...things] : [...things, ...deeds, ...commands]
  return { hits, settled: rested === looked_for && !finding && !asking, query, error }
}

const nameOf = ({ name, id }: Pick<Found, 'name' | 'id'>) => name ?? id.slice(-8)

function useRested(typed: string): string {
  const [rested, setRested] = useState(typed)
  useEffect(() => {
    const timer = setTimeout(() => setRested(typed), typing_ms)
    return () => clearTimeout(timer)
  }, [typed])
  return rested
}

/** "stop web-1": something that can be done with some kind of thing, and with which. */
function useVerb(asked: string): { said: string; rest: string } | undefined {
  const session = useSession()
  const space = asked.indexOf(' ')
  if (space < 1) return undefined
  const said = asked.slice(0, space).toLowerCase()
  const titles = allNouns().flatMap(noun => [...actionsFor(session, noun), ...tabsOf(noun)].map(one => one.title()))
  return titles.some(title => title.toLowerCase().startsWith(said))
    ? { said, rest: asked.slice(space + 1).trim() }
    : undefined
}

const tabsOf = (noun: NounDefinition) => (noun.tabs ?? []) as readonly Tab<Item>[]

interface Query {
  text: string
  limit: number
  all_projects?: true
}

function queryFor(session: Session, text: string): Query {
  const all = may(session, { level: 'system', needs: 'instance.read' })
  return { text, limit: hits_per_noun, ...(all && { all_projects: true }) }
}

/** Of everything that has a page here, as the server finds it and lets this person see it. */
function useFound(query: Query, enabled: boolean) {
  const { data, error, isLoading } = useRead(routes.search.find, { query }, { enabled })
  if (!enabled || !data) return { found: [], pending: isLoading, error }
  const found = data.items.flatMap(found => {
    const noun = nounNamed(found.noun)
    return noun?.get ? [{ noun, found }] : []
  })
  return { found, pending: false, error }
}

/** What can be done now with the first of what was found: what is done most, or what was asked for. */
function useDeeds(
  found: readonly { noun: NounDefinition; found: Found }[],
  said: string | undefined,
): { deeds: readonly Hit[]; pending: boolean } {
  const session = useSession()
  const first = found.filter(({ noun }) => deedsOf(noun, said).length > 0).slice(0, acted_max)
  const answers = useQueries({
    queries: first.map(({ noun, found: { id } }) => ({
      queryKey: ['item', noun.name, id],
      queryFn: async ({ signal }: { signal: AbortSignal }) => {
        if (!noun.get) throw new Error(`${noun.name} has no page`)
        return (await ask(noun.get.route, { params: { [noun.get.param]: id }, signal })).body as Item
      },
    })),
  })
  const deeds = first.flatMap(({ noun }, n) => {
    const item = answers[n]?.data
    if (!item) return []
    return deedsOf(noun, said).flatMap((deed): Hit[] => {
      const [kind, key] = [noun.title(), `${noun.name} ${item.id} ${deed.id}`]
      const title = `${deed.title()}: ${labelOf(noun, item)}`
      if (!('route' in deed)) {
        const shown = (!deed.needs || may(session, deed.needs)) && (deed.when?.(item) ?? true)
        return shown ? [{ key, kind, title, does: { to: addressOf(noun.path, item.id, deed.id) } }] : []
      }
      if (!actionsFor(session, noun).includes(deed) || whyNot(session, deed, [item]) !== undefined) return []
      return [{ key, kind, title, does: { noun, action: deed, item } }]
    })
  })
  return { deeds, pending: answers.some(one => one.isLoading) }
}

function deedsOf(noun: NounDefinition, said: string | undefined): readonly (Action<Item> | Tab<Item>)[] {
  const actions = (noun.actions ?? []) as readonly Action<Item>[]
  if (said === undefined)
    return [...actions.filter(one => one.primary), ...tabsOf(noun).filter(one => one.id === 'console')]
  return [...actions, ...tabsOf(noun)].filter(one => one.title().toLowerCase().startsWith(said))
}

function useCommands(asked: string): readonly Hit[] {
  const session = useSession()
  const places = usePlaces()
  const projects = useRead(
    routes.project.list,
    { query: { limit: 50 } },
    { enabled: may(session, routes.project.list) },
  )
  const go = (path: string, title: string): Hit => ({
    key: `go ${path}`,
    kind: words('search.go'),
    title,
    does: { to: `/${path}` },
  })
  const run = (key: string, title: string, does: () => unknown): Hit => ({
    key,
    kind: words('search.do'),
    title,
    does: { run: () => void does() },
  })
  const preference = (what: 'theme' | 'language', of: string) => `${words(`preferences.${what}`)}: ${of}`
  const all: Hit[] = [
    go('', words('dashboard')),
    ...places.map(({ path, title }) => go(path, title)),
    ...allNouns().flatMap(noun =>
      noun.create && may(session, noun.create.route)
        ? [{ ...go(`${noun.path}/create`, noun.create.title()), kind: words('search.do') }]
        : [],
    ),
    go('preferences', words('preferences')),
    ...(projects.data?.items ?? [])
      .filter(one => one.id !== session.project?.id && one.enabled)
      .map(({ id, name }) =>
        run(`project ${id}`, `${words('project.switch')}: ${name}`, () =>
          switchProject(id).catch((error: unknown) => operations.said(name, { variant: 'danger', error })),
        ),
      ),
    ...(['light', 'dark', 'system'] as const).map(theme =>
      run(`theme ${theme}`, preference('theme', words(`theme.${theme}`)), () => prefer({ theme })),
    ),
    ...(
      [
        ['en', 'English'],
        ['de', 'Deutsch'],
        ['auto', words('language.auto')],
      ] as const
    ).map(([language, name]) => run(`language ${language}`, preference('language', name), () => prefer({ language }))),
    // Signed out here in any case; a controller that is away forgets the token when it runs out.
    run('sign out', words('sign_out'), () => signOut().catch(() => undefined)),
  ]
  const wanted = asked.toLowerCase()
  return all.filter(one => one.title.toLowerCase().includes(wanted))
}

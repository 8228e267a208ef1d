/** What most nouns have alike: the column of names, when it was created, what deletes, what locks and unlocks. */
import type { Route } from '../../api/route.ts'
import { Time } from '../parts/time.tsx'
import type { Values } from '../text/catalogue.ts'
import type { Action, Column, Item, Title } from './definition.ts'

/** A catalogue that has at least these keys. */
type Saying<K extends string> = (key: K, values?: Values) => string

type Named = Item & { name: string }

export const namesOf = (items: readonly { name: string }[]) => ({ names: items.map(one => one.name).join(', ') })

export function nameColumn<T extends { name: string }>(title: Title, width = 'minmax(10rem, 2fr)'): Column<T> {
  return { id: 'name', title, cell: one => one.name, sort: 'name', width }
}

export function createdColumn<T extends { created_at: string }>(title: Title, hidden = true): Column<T> {
  return { id: 'created', title, cell: one => <Time at={one.created_at} />, hidden }
}

/** `param`: of the route, which takes the thing's id. */
export function deleting<T extends Named>(
  words: Saying<'delete' | 'delete.title' | 'delete.body'>,
  route: Route,
  param: string,
  whyNot?: (item: T) => string | undefined,
): Action<T> {
  return {
    id: 'delete',
    title: () => words('delete'),
    route,
    ...(whyNot && { whyNot }),
    input: one => ({ params: { [param]: one.id } }),
    confirm: { title: n => words('delete.title', { n }), body: items => words('delete.body', namesOf(items)) },
    danger: true,
    leads_to: 'list',
  }
}

/** Of what may be used or not: users, projects, domains. `route` changes the field `enabled`. */
export function enabling<T extends Named & { enabled: boolean }>(
  words: Saying<'enable' | 'disable' | 'disable.title' | 'disable.body' | 'why_not.enabled' | 'why_not.disabled'>,
  route: Route,
  param: string,
  whyNot: (item: T) => string | undefined,
): Action<T>[] {
  const turn = (on: boolean): Action<T> => ({
    id: on ? 'enable' : 'disable',
    title: () => words(on ? 'enable' : 'disable'),
    route,
    whyNot: one => whyNot(one) ?? (one.enabled === on ? words(on ? 'why_not.enabled' : 'why_not.disabled') : undefined),
    input: one => ({ params: { [param]: one.id }, body: { enabled: on } }),
    ...(!on && {
      confirm: {
        title: (n: number) => words('disable.title', { n }),
        body: (items: readonly T[]) => words('disable.body', namesOf(items)),
      },
    }),
  })
  return [turn(true), turn(false)]
}

/** Things to choose from, where there may be more of them than a choice can show: then they are looked for by a part of their name. */
import { useDeferredValue, useEffect, useState } from 'react'
import type { Route } from '../../api/route.ts'
import { useChoices } from '../api/read.ts'
import type { Item } from '../noun/definition.ts'
import { nounNamed } from '../noun/registry.ts'

export interface Finding {
  /** What fits, and what is chosen. */
  items: readonly Item[]
  ready: boolean
  /** Why there is nothing to choose from. */
  error: unknown
  /** What is looked for; undefined where all are shown, or names cannot be searched. */
  typed: string | undefined
  type(text: string): void
}

export function useFinding(route: Route, query: Readonly<Record<string, unknown>>, chosen: readonly string[]): Finding {
  const name = route.name.split('.', 1)[0] ?? ''
  const [typed, type] = useState('')
  const search = useDeferredValue(typed.trim())
  const { data, error } = useChoices<Item>(route, { ...query, ...(search && { search }) }, { follows: [name] })
  // What was read last stays until the next is there, so that what is chosen keeps its name.
  const [last, setLast] = useState<readonly Item[]>([])
  useEffect(() => {
    if (!data) return
    const is_listed = (one: Item) => data.items.some(item => item.id === one.id)
    setLast(before => [...before.filter(one => chosen.includes(one.id) && !is_listed(one)), ...data.items])
    // Only what is read changes what is shown.
  }, [data])
  const many = typed !== '' || (data !== undefined && data.next !== null)
  const searched = many && nounNamed(name)?.not_searched !== true
  return {
    items: last,
    ready: data !== undefined && (last.length > 0 || data.items.length === 0),
    error,
    typed: searched ? typed : undefined,
    type,
  }
}

/** Which columns of a list are shown: kept on this browser. */
import { useState } from 'react'
import type { Column, Item, NounDefinition } from '../noun/definition.ts'

export interface Columns {
  all: readonly Column<Item>[]
  shown: readonly Column<Item>[]
  /** By id. */
  choose(ids: readonly string[]): void
}

export function useColumns(noun: NounDefinition): Columns {
  const key = `croft.columns.${noun.name}`
  const [chosen, setChosen] = useState<readonly string[]>(() => {
    const standard = noun.columns.filter(column => !column.hidden).map(column => column.id)
    try {
      return (JSON.parse(localStorage.getItem(key) ?? 'null') as string[] | null) ?? standard
    } catch {
      // Not ours, or storage is forbidden: the standard will do.
      return standard
    }
  })
  return {
    all: noun.columns,
    shown: noun.columns.filter((column, n) => n === 0 || chosen.includes(column.id)),
    choose(ids) {
      setChosen(ids)
      localStorage.setItem(key, JSON.stringify(ids))
    },
  }
}

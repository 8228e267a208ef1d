/** Runs an action on one thing or many: some at a time, each answered for; says in one notice what succeeded and what did not. */
import type { Operation } from '../../api/operation.ts'
import { ask } from '../api/read.ts'
import { sentenceOf } from '../parts/problem.tsx'
import { operations } from '../shell/operations.ts'
import { words } from '../text/shared.ts'
import { type Action, type Item, labelOf, type NounDefinition } from './definition.ts'

const at_once = 6

export async function runAction(noun: NounDefinition, action: Action<Item>, items: readonly Item[]): Promise<void> {
  const refused: { label: string; why: string; error: unknown }[] = []
  const waiting = [...items]
  const work = async () => {
    for (let item = waiting.shift(); item; item = waiting.shift()) {
      const label = labelOf(noun, item)
      try {
        const { body } = await ask(action.route, action.input(item))
        const operation = (body as { operation?: Operation } | undefined)?.operation
        if (items.length > 1) continue
        const title = `${action.title()}: ${label}`
        if (operation) operations.started(title, operation)
        else operations.said(title, { variant: 'success' })
      } catch (error) {
        refused.push({ label, why: sentenceOf(error), error })
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(at_once, items.length) }, work))
  const [first] = refused
  if (items.length === 1) {
    if (first) operations.said(`${action.title()}: ${first.label}`, { variant: 'danger', error: first.error })
    return
  }
  const done = items.length - refused.length
  operations.said(`${action.title()}: ${words('bulk.done', { done, all: items.length })}`, {
    variant: refused.length === 0 ? 'success' : done === 0 ? 'danger' : 'warning',
    ...(refused.length > 0 && { detail: refused.map(({ label, why }) => `${label}: ${why}`).join('\n') }),
  })
}

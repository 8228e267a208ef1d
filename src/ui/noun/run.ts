/** Runs an action on one thing or many: some at a time, each answered for; one notice says of each what has come of it. */
import type { Operation } from '../../api/operation.ts'
import { ask } from '../api/read.ts'
import { sentenceOf } from '../parts/problem.tsx'
import { operations } from '../shell/operations.ts'
import { type Action, type Item, labelOf, type NounDefinition } from './definition.ts'

const at_once = 6

/** One that was chosen with the others, and that it cannot be done with. */
export interface LeftOut {
  item: Item
  why: string
}

/** True: it was done, or is under way, with each. What was not is told in a notice. */
export async function runAction(
  noun: NounDefinition,
  action: Action<Item>,
  items: readonly Item[],
  left_out: readonly LeftOut[] = [],
): Promise<boolean> {
  const [only, ...others] = items
  if (only && others.length + left_out.length === 0) return runOne(noun, action, only)
  const labels = items.map(item => labelOf(noun, item))
  const notice = operations.several(action.title(), [
    ...labels.map(label => ({ label, asked: false, operation: null })),
    ...left_out.map(({ item, why }) => ({ label: labelOf(noun, item), asked: true, operation: null, refused: why })),
  ])
  const waiting = [...items.entries()]
  let refused = left_out.length
  const work = async () => {
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      const [n, item] = next
      const part = { label: labels[n] ?? '', asked: true }
      try {
        notice.set(n, { ...part, operation: await operationOf(action, item) })
      } catch (error) {
        refused++
        notice.set(n, { ...part, operation: null, refused: sentenceOf(error) })
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(at_once, items.length) }, work))
  return refused === 0
}

async function runOne(noun: NounDefinition, action: Action<Item>, item: Item): Promise<boolean> {
  const title = `${action.title()}: ${labelOf(noun, item)}`
  try {
    const operation = await operationOf(action, item)
    if (operation) operations.started(title, operation)
    else operations.said(title, { variant: 'success' })
    return true
  } catch (error) {
    operations.said(title, { variant: 'danger', error })
    return false
  }
}

/** Null: it is done with the answer. */
async function operationOf(action: Action<Item>, item: Item): Promise<Operation | null> {
  const { body } = await ask(action.route, action.input(item))
  return (body as { operation?: Operation } | undefined)?.operation ?? null
}

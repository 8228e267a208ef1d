/** Why an action cannot be taken now: by permission, or by the thing's state. One answer for buttons, menus and bulk actions. */
import type { Session } from '../../api/session.ts'
import { may, personaOf } from '../session/session.ts'
import { words } from '../text/shared.ts'
import type { Action, Item, NounDefinition } from './definition.ts'
import type { LeftOut } from './run.ts'

/** Who only operates is not shown what is another's work; who runs more is told what they lack. */
export function actionsFor(session: Session, noun: NounDefinition): readonly Action<Item>[] {
  const all = (noun.actions ?? []) as readonly Action<Item>[]
  return personaOf(session) === 'portal' ? all.filter(one => may(session, one.route)) : all
}

export function whyNot(session: Session, action: Action<Item>, items: readonly Item[]): string | undefined {
  const allowed =
    items.length === 0 ? may(session, action.route) : items.some(one => may(session, action.route, one.id))
  if (!allowed) return words('why_not.permission', { permission: action.route.needs ?? '' })
  if (items.length > 1 && (action.single || action.dialog)) return words('why_not.single')
  const reasons = items.map(item => action.whyNot?.(item)).filter(reason => reason !== undefined)
  // Some can: those are done, the others are told of.
  return reasons.length === items.length ? reasons[0] : undefined
}

/** The things that it can be done with. */
export function possible(action: Action<Item>, items: readonly Item[]): readonly Item[] {
  return items.filter(item => action.whyNot?.(item) === undefined)
}

/** The others, each with the reason. */
export function leftOut(action: Action<Item>, items: readonly Item[]): readonly LeftOut[] {
  return items.flatMap(item => {
    const why = action.whyNot?.(item)
    return why === undefined ? [] : { item, why }
  })
}

/** What there is to say of an event besides, such as why and what was changed; with times as the user has them, and things by their names. */
import { Fragment, type ReactNode } from 'react'
import { type DetailPart, detailParts, isFields } from '../../model/detail.ts'
import { isUuid } from '../../model/ids.ts'
import { nounNamed } from '../noun/registry.ts'
import { words } from '../text/shared.ts'
import { Told } from './told.tsx'

type Names = (noun: string, id: string) => string | undefined

export interface DetailOf {
  detail: unknown
  names?: Names | undefined
  /** Of what kind the thing is that `of` names. */
  of_noun?: string | undefined
}

const partsIn = (detail: unknown) => (isFields(detail) ? detailParts(detail) : [])
const valuesOf = (part: DetailPart) => ('from' in part ? [part.from, part.to] : [part.value])

export function Detail({ detail, ...how }: DetailOf) {
  return (
    <span className="croft-small">
      {partsIn(detail).map((part, n) => (
        <Fragment key={part.name}>
          {n > 0 && ', '}
          {part.name}:{' '}
          {valuesOf(part).map((value, side) => (
            <Fragment key={side}>
              {side > 0 && ' → '}
              {inner(part.name, value, how)}
            </Fragment>
          ))}
        </Fragment>
      ))}
    </span>
  )
}

/** Ids of things that are named within, with what they are as far as their fields say it. */
export function namedIn({ detail, of_noun }: Pick<DetailOf, 'detail' | 'of_noun'>): { noun: string; id: string }[] {
  return partsIn(detail).flatMap(part => {
    const noun = nounOfField(part.name, of_noun)
    if (noun === undefined) return []
    return valuesOf(part).flatMap(id => (typeof id === 'string' && isUuid(id) ? { noun, id } : []))
  })
}

/** `member_project_id` is a project's, `floating_ip_id` a floating IP's. */
function nounOfField(key: string, of_noun: string | undefined): string | undefined {
  if (key === 'of') return of_noun
  if (!key.endsWith('_id')) return undefined
  const parts = key.slice(0, -'_id'.length).split('_')
  return parts.map((_, n) => parts.slice(n).join('-')).find(name => nounNamed(name))
}

function valueOf(key: string, value: unknown, how: Omit<DetailOf, 'detail'>): ReactNode {
  if (value === null) return '–'
  if (typeof value === 'boolean') return words(value ? 'events.yes' : 'events.no')
  if (typeof value === 'string') {
    if (!isUuid(value)) return <Told text={value} />
    const noun = nounOfField(key, how.of_noun)
    const name = noun && how.names?.(noun, value)
    return <span title={value}>{name ?? value.slice(-8)}</span>
  }
  if (typeof value !== 'object') return JSON.stringify(value)
  return Object.entries(value).map(([name, one], n) => (
    <Fragment key={name}>
      {n > 0 && ', '}
      {!Array.isArray(value) && `${name}: `}
      {inner(name, one, how)}
    </Fragment>
  ))
}

/** In parentheses what has parts of its own, so that one sees where it ends. */
function inner(key: string, value: unknown, how: Omit<DetailOf, 'detail'>): ReactNode {
  const said = valueOf(key, value, how)
  return typeof value === 'object' && value !== null ? <>({said})</> : said
}

/** What there is to say of an event besides, such as why; with times as the user has them, and things by their names. */
import { Fragment, type ReactNode } from 'react'
import { nounNamed } from '../noun/registry.ts'
import { Time } from './time.tsx'
import { Told } from './told.tsx'

type Names = (noun: string, id: string) => string | undefined

/** Later than that a number of milliseconds is a time, and before it how long something took: the year 2001. */
const times_from_ms = 1e12
const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

export interface DetailOf {
  detail: unknown
  names?: Names | undefined
  /** Of what kind the thing is that `of` names. */
  of_noun?: string | undefined
}

export function Detail({ detail, names, of_noun }: DetailOf) {
  if (detail === null || detail === undefined) return null
  return <span className="croft-small">{valueOf('', detail, { names, of_noun })}</span>
}

/** Ids of things that are named within, with what they are as far as their fields say it. */
export function namedIn({ detail, of_noun }: Pick<DetailOf, 'detail' | 'of_noun'>): { noun: string; id: string }[] {
  if (typeof detail !== 'object' || detail === null) return []
  return Object.entries(detail).flatMap(([key, id]) => {
    const noun = nounOfField(key, of_noun)
    return noun !== undefined && typeof id === 'string' && uuid.test(id) ? [{ noun, id }] : []
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
  if (value === null || value === undefined) return '–'
  if (typeof value === 'number' && key.endsWith('_ms') && value > times_from_ms)
    return <Time at={new Date(value).toISOString()} seconds />
  if (typeof value === 'string') {
    const noun = nounOfField(key, how.of_noun)
    if (!uuid.test(value)) return <Told text={value} />
    const name = noun && how.names?.(noun, value)
    return <span title={value}>{name ?? value.slice(-8)}</span>
  }
  if (typeof value !== 'object') return JSON.stringify(value)
  const entries = Object.entries(value)
  if (Array.isArray(value) && value.length === 0) return '–'
  return entries.map(([name, one], n) => (
    <Fragment key={name}>
      {n > 0 && ', '}
      {!Array.isArray(value) && `${titleOf(name, one)}: `}
      {typeof one === 'object' && one !== null ? <>({valueOf(name, one, how)})</> : valueOf(name, one, how)}
    </Fragment>
  ))
}

/** The unit is the number's, and a time has none. */
function titleOf(name: string, value: unknown): string {
  return typeof value === 'number' && name.endsWith('_ms') && value > times_from_ms
    ? name.slice(0, -'_ms'.length)
    : name
}

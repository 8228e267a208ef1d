/** What went wrong, as the API tells it: what, why, what to do, and the request's id to ask the operator about. */
import { Alert, Button, ClipboardCopy, ExpandableSection, List, ListItem } from '@patternfly/react-core'
import type { ReactNode } from 'react'
import { placeOf } from '../../model/shape-words.ts'
import { ApiProblem, ConnectionFailed } from '../../sdk/errors.ts'
import { words } from '../text/shared.ts'
import { LazyPart } from './lazy.tsx'

export function titleOf(error: unknown): string {
  if (error instanceof ApiProblem) return words.maybe(`error.${error.code}`) ?? error.title
  if (error instanceof ConnectionFailed) return words('error.connection')
  return words('error.unexpected')
}

export function sentenceOf(error: unknown): string {
  if (error instanceof ConnectionFailed) return words('error.connection.body')
  if (error instanceof ApiProblem && error.code === 'not_croft')
    return words('error.not_croft.body', { status: error.status })
  return error instanceof Error ? error.message : String(error)
}

/** A fault of one part of a request: `at` is a JSON pointer (RFC 6901) into the body, '' is all of it, and of an older controller 'body'. */
interface Fault {
  at: string
  problem: string
}

function faultsOf(error: unknown): Fault[] {
  const faults = error instanceof ApiProblem ? error.document.faults : undefined
  return Array.isArray(faults) ? (faults as Fault[]) : []
}

/** What is wrong with single fields of a form, by their names: as far as the answer names them, or quotes what one of them holds. */
export function faultsByField(error: unknown, values: Readonly<Record<string, unknown>>): ReadonlyMap<string, string> {
  const found = new Map<string, string>()
  if (!(error instanceof ApiProblem)) return found
  for (const { at, problem } of faultsOf(error)) {
    const [, field, ...rest] = at.split('/')
    const is_missing = rest.length === 0 && problem === 'is missing'
    if (field) found.set(field, is_missing ? words('error.missing') : [...rest, problem].join(' '))
    for (const name of /^lacks (.+)$/.exec(problem)?.[1]?.split(/,\s*/) ?? []) found.set(name, words('error.missing'))
  }
  const { field } = error.document
  if (typeof field === 'string') found.set(field, sentenceOf(error))
  if (error.code === 'name_taken') found.set('name', sentenceOf(error))
  if (found.size > 0 || error.status !== 422) return found
  const quoted = Object.entries(values).filter(([, value]) =>
    [value].flat().some(one => typeof one === 'string' && one !== '' && error.message.includes(`'${one.trim()}'`)),
  )
  const [only, ...others] = quoted
  if (only && others.length === 0) found.set(only[0], sentenceOf(error))
  return found
}

/** Why each host refused: read when it is asked for. */
const loadPlacement = () => import('../instance/refused-placement.tsx')

interface Props {
  error: unknown
  onRetry?: () => void
  /** Faults that are shown at their fields already. */
  at_fields?: ReadonlyMap<string, string>
  /** In place of trying again. */
  actions?: ReactNode
  children?: ReactNode
}

export function ProblemAlert({ error, onRetry, at_fields, actions, children }: Props) {
  if (!error) return null
  const request_id = error instanceof ApiProblem ? error.request_id : ''
  const faults = faultsOf(error)
    .filter(({ at }) => !at_fields?.has(at.split('/')[1] ?? ''))
    .map(({ at, problem }) => `${placeOf(at)} ${problem}`)
    .filter(fault => !sentenceOf(error).includes(fault))
  const placement_id = error instanceof ApiProblem ? error.document.placement_id : undefined
  const retry = onRetry && (
    <Button variant="link" isInline onClick={onRetry}>
      {words('retry')}
    </Button>
  )
  return (
    <Alert
      variant="danger"
      isInline
      title={titleOf(error)}
      className="croft-problem"
      role="alert"
      actionLinks={actions || retry}
    >
      <p>{sentenceOf(error)}</p>
      {children}
      {faults.length > 0 && (
        <List>
          {faults.map(fault => (
            <ListItem key={fault}>{fault}</ListItem>
          ))}
        </List>
      )}
      {typeof placement_id === 'string' && (
        <ExpandableSection toggleText={words('error.no_capacity.why')}>
          <LazyPart load={loadPlacement} props={{ id: placement_id }} />
        </ExpandableSection>
      )}
      {request_id && (
        <p className="croft-request">
          {words('error.request')}{' '}
          <ClipboardCopy
            variant="inline-compact"
            isCode
            hoverTip={words('copy')}
            clickTip={words('copied')}
            copyAriaLabel={words('copy')}
          >
            {request_id}
          </ClipboardCopy>
        </p>
      )}
    </Alert>
  )
}

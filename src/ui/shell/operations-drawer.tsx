/** Notices in the corner of what one has started, and the drawer that keeps them. */
import {
  Alert,
  AlertActionCloseButton,
  AlertGroup,
  Button,
  NotificationDrawer,
  NotificationDrawerBody,
  NotificationDrawerHeader,
  Progress,
} from '@patternfly/react-core'
import { useEffect } from 'react'
import { ApiProblem } from '../../sdk/errors.ts'
import { titleOf, sentenceOf } from '../parts/problem.tsx'
import { words } from '../text/shared.ts'
import { FailedTargets } from '../operation/failed-targets.tsx'
import { ThingLink } from '../parts/link.tsx'
import { hasEnded, isAtWork, type Notice, operations, type Part, useNotices, whyNotDone } from './operations.ts'

type Variant = 'success' | 'danger' | 'warning' | 'info'

function variantOf(notice: Notice): Variant {
  const { operation, outcome, parts } = notice
  if (outcome) return outcome.variant
  if (parts) {
    const bad = parts.filter(one => whyNotDone(one) !== null).length
    if (bad === 0) return isAtWork(notice) ? 'info' : 'success'
    return bad === parts.length ? 'danger' : 'warning'
  }
  if (operation?.state === 'succeeded') return 'success'
  if (operation?.state === 'failed') return 'danger'
  return operation?.state === 'cancelled' ? 'warning' : 'info'
}

function headOf({ title, parts }: Notice): string {
  if (!parts) return title
  const done = parts.filter(one => hasEnded(one) && whyNotDone(one) === null).length
  return `${title}: ${words('bulk.done', { done, all: parts.length })}`
}

/** So many are named in the corner of the page; the drawer has room for all. */
const named_max = 8

/** Which of several things failed, were left out or wait, and why; and how far the others are. */
function Several({ parts, all }: { parts: readonly Part[]; all: boolean }) {
  const ended = parts.filter(hasEnded).length
  const bad = parts.flatMap(part => {
    const { label, operation } = part
    const why = whyNotDone(part) ?? (operation?.state === 'waiting' ? { operation, why: operation.reason } : null)
    return why ? { label, ...why } : []
  })
  const shown = all ? bad : bad.slice(0, named_max)
  return (
    <>
      {ended < parts.length && (
        <Progress
          value={Math.floor((100 * ended) / parts.length)}
          size="sm"
          measureLocation="outside"
          aria-label={words('progress')}
        />
      )}
      {bad.length > 0 && (
        <ul className="croft-plain-list">
          {shown.map(({ label, operation, why }, n) => (
            // In the order in which they were chosen; two may have the same name.
            <li key={`${label} ${n}`}>
              <ThingLink noun="operation" id={operation?.id}>
                {label}
              </ThingLink>
              : {why ?? words(`operation.state.${operation?.state ?? 'failed'}`)}
            </li>
          ))}
          {shown.length < bad.length && <li>{words('bulk.more', { n: bad.length - shown.length })}</li>}
        </ul>
      )}
    </>
  )
}

function Body({ notice, all }: { notice: Notice; all: boolean }) {
  const { operation, outcome, parts } = notice
  if (parts) return <Several parts={parts} all={all} />
  if (outcome?.error)
    return (
      <>
        <strong>{titleOf(outcome.error)}</strong>
        <p>{sentenceOf(outcome.error)}</p>
        {outcome.error instanceof ApiProblem && outcome.error.request_id && (
          <p className="croft-request">
            {words('error.request')} <code>{outcome.error.request_id}</code>
          </p>
        )}
      </>
    )
  if (outcome) return outcome.detail ? <p className="croft-lines">{outcome.detail}</p> : null
  if (!operation) return null
  if (operation.ended_at !== null && operation.targets > 1 && operation.state !== 'succeeded')
    return <FailedTargets operation={operation} />
  if (operation.ended_at !== null) return operation.reason ? <p>{operation.reason}</p> : null
  return (
    <>
      <Progress value={operation.percent} size="sm" measureLocation="outside" aria-label={words('progress')} />
      <p className="croft-muted">{operation.reason ?? operation.step ?? words('operation.running')}</p>
    </>
  )
}

/** What succeeded goes by itself. */
const shown_ms = 6000

function Toast({ notice }: { notice: Notice }) {
  const variant = variantOf(notice)
  useEffect(() => {
    if (variant !== 'success') return
    const timer = setTimeout(() => operations.hide(notice.id), shown_ms)
    return () => clearTimeout(timer)
  }, [variant, notice.id])
  return (
    <Alert
      variant={variant}
      title={headOf(notice)}
      isLiveRegion
      actionClose={<AlertActionCloseButton title={words('close')} onClose={() => operations.hide(notice.id)} />}
    >
      <Body notice={notice} all={false} />
    </Alert>
  )
}

const toasts_max = 4

export function Notices() {
  const shown = useNotices()
    .filter(one => !one.hidden)
    .slice(0, toasts_max)
  return (
    <AlertGroup isToast isLiveRegion aria-label={words('operations')}>
      {shown.map(notice => (
        <Toast key={notice.id} notice={notice} />
      ))}
    </AlertGroup>
  )
}

export function OperationsDrawer({ onClose }: { onClose(): void }) {
  const notices = useNotices()
  return (
    <NotificationDrawer>
      <NotificationDrawerHeader title={words('operations')} closeButtonAriaLabel={words('close')} onClose={onClose}>
        <Button variant="link" isInline onClick={() => operations.clear()}>
          {words('operations.clear')}
        </Button>
      </NotificationDrawerHeader>
      <NotificationDrawerBody className="croft-drawer">
        {notices.length === 0 && <p className="croft-muted">{words('operations.none')}</p>}
        {notices.map(notice => (
          <Alert key={notice.id} isInline variant={variantOf(notice)} title={headOf(notice)}>
            <Body notice={notice} all />
          </Alert>
        ))}
      </NotificationDrawerBody>
    </NotificationDrawer>
  )
}

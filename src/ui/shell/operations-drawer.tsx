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
import { type Notice, operations, useNotices } from './operations.ts'

type Variant = 'success' | 'danger' | 'warning' | 'info'

function variantOf({ operation, outcome }: Notice): Variant {
  if (outcome) return outcome.variant
  if (operation?.state === 'succeeded') return 'success'
  if (operation?.state === 'failed') return 'danger'
  return operation?.state === 'cancelled' ? 'warning' : 'info'
}

function Body({ notice: { operation, outcome } }: { notice: Notice }) {
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
      title={notice.title}
      isLiveRegion
      actionClose={<AlertActionCloseButton title={words('close')} onClose={() => operations.hide(notice.id)} />}
    >
      <Body notice={notice} />
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
          <Alert key={notice.id} isInline variant={variantOf(notice)} title={notice.title}>
            <Body notice={notice} />
          </Alert>
        ))}
      </NotificationDrawerBody>
    </NotificationDrawer>
  )
}

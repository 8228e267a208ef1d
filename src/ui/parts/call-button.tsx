/** A button in a row of a small table, that makes one call; it asks first where something is lost, and tells how it went. */
import { Button, Tooltip } from '@patternfly/react-core'
import { useState } from 'react'
import type { Route } from '../../api/route.ts'
import type { LooseInput } from '../../sdk/client.ts'
import { ask } from '../api/read.ts'
import { may, useSession } from '../session/session.ts'
import { operations } from '../shell/operations.ts'
import { words } from '../text/shared.ts'
import { ConfirmDialog } from './confirm.tsx'

interface Props {
  title: string
  /** What it is about, for those who hear the button and do not see its row. */
  label: string
  route: Route
  input: LooseInput
  confirm?: { title: string; body: string }
  danger?: boolean
  whyNot?: string | undefined
  /** Standing by itself, and not in a row. */
  bordered?: boolean
}

export function CallButton({ title, label, route, input, confirm, danger = false, whyNot, bordered = false }: Props) {
  const session = useSession()
  const [asking, setAsking] = useState(false)
  const [busy, setBusy] = useState(false)
  const why = may(session, route) ? whyNot : words('why_not.permission', { permission: route.needs ?? '' })
  const run = () => {
    setAsking(false)
    setBusy(true)
    ask(route, input)
      .then(() => operations.said(label, { variant: 'success' }))
      .catch((error: unknown) => operations.said(label, { variant: 'danger', error }))
      .finally(() => setBusy(false))
  }
  const click = () => {
    if (why !== undefined) return
    if (confirm) setAsking(true)
    else run()
  }
  const button = (
    <Button
      variant={bordered ? 'secondary' : 'link'}
      isInline={!bordered}
      size="sm"
      isDanger={danger && why === undefined}
      aria-label={label}
      isAriaDisabled={why !== undefined || busy}
      onClick={click}
    >
      {title}
    </Button>
  )
  return (
    <>
      {why === undefined ? button : <Tooltip content={why}>{button}</Tooltip>}
      {asking && confirm && (
        <ConfirmDialog {...confirm} yes={title} danger={danger} onYes={run} onNo={() => setAsking(false)} />
      )}
    </>
  )
}

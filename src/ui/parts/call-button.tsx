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
  /** When it was refused: with what it would be done all the same, which is asked about once more. */
  again?(error: unknown): { title: string; body: string; input: LooseInput } | null
  danger?: boolean
  whyNot?: string | undefined
  /** Standing by itself, and not in a row. */
  bordered?: boolean
  /** Why it cannot be done is there to be read, and not only when one points at it. */
  says_why?: boolean
}

export function CallButton({
  title,
  label,
  route,
  input,
  confirm,
  again,
  danger = false,
  whyNot,
  bordered = false,
  says_why = false,
}: Props) {
  const session = useSession()
  const [asking, setAsking] = useState(false)
  const [second, setSecond] = useState<{ title: string; body: string; input: LooseInput } | null>(null)
  const [busy, setBusy] = useState(false)
  const why = may(session, route) ? whyNot : words('why_not.permission', { permission: route.needs ?? '' })
  const run = (what: LooseInput) => {
    setAsking(false)
    setSecond(null)
    setBusy(true)
    ask(route, what)
      .then(() => operations.said(label, { variant: 'success' }))
      .catch((error: unknown) => {
        const next = again?.(error) ?? null
        if (next) setSecond(next)
        else operations.said(label, { variant: 'danger', error })
      })
      .finally(() => setBusy(false))
  }
  const click = () => {
    if (why !== undefined) return
    if (confirm) setAsking(true)
    else run(input)
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
      {says_why && why !== undefined && <span className="croft-muted croft-small"> {why}</span>}
      {asking && confirm && (
        <ConfirmDialog
          {...confirm}
          yes={title}
          danger={danger}
          onYes={() => run(input)}
          onNo={() => setAsking(false)}
        />
      )}
      {second && (
        <ConfirmDialog
          title={second.title}
          body={second.body}
          yes={title}
          danger={danger}
          onYes={() => run(second.input)}
          onNo={() => setSecond(null)}
        />
      )}
    </>
  )
}

/** A button that opens a dialog of its own, if one may do what the dialog does. */
import { Button, type ButtonProps, Tooltip } from '@patternfly/react-core'
import { type ReactNode, useState } from 'react'
import type { Route } from '../../api/route.ts'
import { may, useSession } from '../session/session.ts'
import { words } from '../text/shared.ts'

interface Props {
  title: string
  label?: string
  route: Route
  variant?: ButtonProps['variant']
  isInline?: boolean
  whyNot?: string | undefined
  dialog(done: () => void): ReactNode
}

export function DialogButton({ title, label, route, variant = 'secondary', isInline = false, whyNot, dialog }: Props) {
  const session = useSession()
  const [open, setOpen] = useState(false)
  const why = may(session, route) ? whyNot : words('why_not.permission', { permission: route.needs ?? '' })
  const button = (
    <Button
      variant={variant}
      size="sm"
      isInline={isInline}
      {...(label && { 'aria-label': label })}
      isAriaDisabled={why !== undefined}
      onClick={() => why === undefined && setOpen(true)}
    >
      {title}
    </Button>
  )
  return (
    <>
      {why === undefined ? button : <Tooltip content={why}>{button}</Tooltip>}
      {open && dialog(() => setOpen(false))}
    </>
  )
}

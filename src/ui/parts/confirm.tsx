/** Asks before something is lost. The safe answer has the focus. */
import { Alert, Button, Modal, ModalBody, ModalFooter, ModalHeader } from '@patternfly/react-core'
import type { ReactNode } from 'react'
import { words } from '../text/shared.ts'

const shown_max = 5

export function ConfirmDialog({
  title,
  body,
  without = [],
  yes,
  danger,
  onYes,
  onNo,
}: {
  title: string
  body: ReactNode
  /** Those chosen with which it cannot be done, each with why not. */
  without?: readonly string[]
  yes: string
  danger: boolean
  onYes(): void
  onNo(): void
}) {
  return (
    <Modal isOpen variant="small" onClose={onNo} aria-labelledby="confirm-title" aria-describedby="confirm-body">
      <ModalHeader title={title} labelId="confirm-title" {...(danger && { titleIconVariant: 'warning' as const })} />
      <ModalBody id="confirm-body" className="croft-lines">
        {body}
        {without.length > 0 && (
          <Alert isInline isPlain variant="info" title={words('bulk.without', { n: without.length })}>
            {without.slice(0, shown_max).join('\n')}
            {without.length > shown_max && '\n…'}
          </Alert>
        )}
      </ModalBody>
      <ModalFooter>
        <Button variant={danger ? 'danger' : 'primary'} onClick={onYes}>
          {yes}
        </Button>
        <Button variant="link" onClick={onNo} autoFocus>
          {words('cancel')}
        </Button>
      </ModalFooter>
    </Modal>
  )
}

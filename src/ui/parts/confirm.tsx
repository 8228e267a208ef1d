/** Asks before something is lost. The safe answer has the focus. */
import { Button, Modal, ModalBody, ModalFooter, ModalHeader } from '@patternfly/react-core'
import { words } from '../text/shared.ts'

export function ConfirmDialog({
  title,
  body,
  yes,
  danger,
  onYes,
  onNo,
}: {
  title: string
  body: string
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

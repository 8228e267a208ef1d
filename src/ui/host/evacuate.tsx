/** Has what is on a lost host run elsewhere, and says of each instance that cannot go why. */
import { Alert, Button, List, ListItem, Modal, ModalBody, ModalFooter, ModalHeader } from '@patternfly/react-core'
import { useState } from 'react'
import type { Host, hostRoutes } from '../../api/host.ts'
import type { ReplyOf } from '../../api/route.ts'
import { call } from '../api/read.ts'
import { routes } from '../api/routes.ts'
import { ConfirmDialog } from '../parts/confirm.tsx'
import { Told } from '../parts/told.tsx'
import { operations } from '../shell/operations.ts'
import { words as shared } from '../text/shared.ts'
import { words } from './text.ts'

type Outcome = ReplyOf<typeof hostRoutes.evacuate>

export default function Evacuate({ item, done }: { item: Host; done: () => void }) {
  const { id, name, absence } = item
  const [outcome, setOutcome] = useState<Outcome>()
  const [busy, setBusy] = useState(false)
  const run = () => {
    if (busy) return
    setBusy(true)
    call(routes.host.evacuate, { params: { host: id } })
      .then(setOutcome)
      .catch((error: unknown) => {
        operations.said(`${words('evacuate')}: ${name}`, { variant: 'danger', error })
        done()
      })
      .finally(() => setBusy(false))
  }
  return outcome ? (
    <Evacuated name={name} outcome={outcome} done={done} />
  ) : (
    <ConfirmDialog
      title={words('evacuate.title', { name })}
      body={
        absence?.fenced_by === 'lease' ? (
          <>
            <p>{words('evacuate.body')}</p>
            <Alert isInline isPlain variant="warning" title={words('evacuate.lease')} />
          </>
        ) : (
          words('evacuate.body')
        )
      }
      yes={words('evacuate')}
      danger={false}
      onYes={run}
      onNo={done}
    />
  )
}

function Evacuated({
  name,
  outcome: { evacuated, left, host_reason },
  done,
}: {
  name: string
  outcome: Outcome
  done: () => void
}) {
  return (
    <Modal isOpen variant="medium" onClose={done} aria-labelledby="evacuated-title">
      <ModalHeader
        title={words('evacuated', { name, went: evacuated.length, left: left.length })}
        labelId="evacuated-title"
      />
      <ModalBody>
        {host_reason !== null && <p>{host_reason}</p>}
        <List>
          {left.map(one => (
            <ListItem key={one.instance_id}>
              {one.instance}: <Told text={one.reason} />
            </ListItem>
          ))}
          {evacuated.map(one => (
            <ListItem key={one.instance_id}>{words('evacuated.to', { name: one.instance, host: one.host })}</ListItem>
          ))}
        </List>
      </ModalBody>
      <ModalFooter>
        <Button onClick={done}>{shared('close')}</Button>
      </ModalFooter>
    </Modal>
  )
}

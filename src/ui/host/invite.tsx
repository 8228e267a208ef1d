/** Invites a host: asks for its cluster, and shows once the command that is to be run there. */
import { Alert, Button, ClipboardCopy, Modal, ModalBody, ModalFooter, ModalHeader } from '@patternfly/react-core'
import PlusIcon from '@patternfly/react-icons/dist/esm/icons/plus-icon'
import { useState } from 'react'
import type { hostRoutes } from '../../api/host.ts'
import type { ReplyOf } from '../../api/route.ts'
import { loopbackOf } from '../../model/loopback.ts'
import { routes } from '../api/routes.ts'
import { FormDialog, plainInput } from '../parts/form.tsx'
import { Time } from '../parts/time.tsx'
import { may, useSession } from '../session/session.ts'
import { words as shared } from '../text/shared.ts'
import { AskIn } from './ask-in.tsx'
import { words } from './text.ts'

type Invitation = ReplyOf<typeof hostRoutes.invite>

export default function InviteHost() {
  const session = useSession()
  const [asking, setAsking] = useState(false)
  const [invitation, setInvitation] = useState<Invitation>()
  if (!may(session, routes.host.invite)) return null
  return (
    <>
      <Button icon={<PlusIcon />} onClick={() => setAsking(true)}>
        {words('invite')}
      </Button>
      {asking && (
        <FormDialog
          title={words('invite')}
          yes={words('invite.make')}
          route={routes.host.invite}
          initial={{ minutes: 60 }}
          toInput={plainInput}
          fields={[
            {
              name: 'cluster_id',
              title: words('cluster'),
              kind: 'noun',
              from: routes.cluster.list,
              query: { sort: 'name' },
              empty: words('invite.cluster.standard'),
              first: true,
            },
            {
              name: 'replaces_host_id',
              title: words('invite.replaces'),
              kind: 'noun',
              from: routes.host.list,
              query: { sort: 'name' },
              empty: words('invite.replaces.none'),
              help: words('invite.replaces.help'),
            },
            { name: 'minutes', title: words('invite.minutes'), kind: 'number', unit: 'min' },
          ]}
          made={body => setInvitation(body as Invitation)}
          done={() => setAsking(false)}
        />
      )}
      {invitation && <Command invitation={invitation} done={() => setInvitation(undefined)} />}
    </>
  )
}

function Command({ invitation, done }: { invitation: Invitation; done(): void }) {
  const { command, controller_url, expires_at } = invitation
  const loopback = loopbackOf(controller_url)
  return (
    <Modal isOpen variant="medium" onClose={done} aria-labelledby="invitation-title">
      <ModalHeader title={words('invite.title')} labelId="invitation-title" />
      <ModalBody>
        <div className="croft-stack">
          {loopback !== null && (
            <Alert isInline variant="warning" title={words('invite.loopback', { host: loopback })}>
              {words('invite.loopback.help')} <code>croft up --cluster-address ADDRESS</code>
            </Alert>
          )}
          <p>{words('invite.body')}</p>
          <ClipboardCopy
            isReadOnly
            isCode
            isBlock
            hoverTip={shared('copy')}
            clickTip={shared('copied')}
            textAriaLabel={words('invite.command')}
            variant="inline"
          >
            {command}
          </ClipboardCopy>
          <p className="croft-muted">
            {words('invite.until')} <Time at={expires_at} />. {words('invite.once')}
          </p>
          <AskIn />
        </div>
      </ModalBody>
      <ModalFooter>
        <Button onClick={done}>{shared('close')}</Button>
      </ModalFooter>
    </Modal>
  )
}

/** Sets a password in a running guest, through its guest agent. One that was made here is shown this once. */
import { Alert, Button, Modal, ModalBody, ModalFooter, ModalHeader } from '@patternfly/react-core'
import { useState } from 'react'
import type { Instance, instanceRoutes } from '../../api/instance.ts'
import type { ReplyOf } from '../../api/route.ts'
import { routes } from '../api/routes.ts'
import { CopyBlock } from '../parts/copy-block.tsx'
import { FormDialog, plainInput } from '../parts/form.tsx'
import { operations } from '../shell/operations.ts'
import { words } from './text.ts'

type Answer = ReplyOf<(typeof instanceRoutes)['resetPassword']>

export default function SetGuestPassword({ item, done }: { item: Instance; done: () => void }) {
  const [made, setMade] = useState<{ user: string; password: string }>()
  if (made) return <Made {...made} name={item.name} done={done} />
  return (
    <FormDialog
      title={words('password.of', { name: item.name })}
      yes={words('password.yes')}
      route={routes.instance.resetPassword}
      initial={{ user: 'root' }}
      toInput={values => ({ params: { instance: item.id }, ...plainInput(values) })}
      fields={[
        { name: 'user', title: words('password.user'), kind: 'text', required: true },
        { name: 'password', title: words('password.new'), kind: 'password', help: words('password.help') },
      ]}
      made={body => {
        const { user, password } = body as Answer
        operations.said(words('password.set', { user, name: item.name }), { variant: 'success' })
        if (password === null) return undefined
        setMade({ user, password })
        return 'stay'
      }}
      done={done}
    />
  )
}

function Made({ user, password, name, done }: { user: string; password: string; name: string; done: () => void }) {
  const title = words('password.made', { user, name })
  return (
    // No way out but the button: by a stray click the password would be lost.
    <Modal isOpen variant="small" aria-labelledby="guest-password-title">
      <ModalHeader title={title} labelId="guest-password-title" />
      <ModalBody>
        <div className="croft-stack">
          <Alert isInline variant="info" title={words('password.once')} />
          <CopyBlock text={password} label={title} />
        </div>
      </ModalBody>
      <ModalFooter>
        <Button onClick={done}>{words('password.done')}</Button>
      </ModalFooter>
    </Modal>
  )
}

/** The form that makes an API key, and the one time that its secret is shown. */
import { Alert, Button, Modal, ModalBody, ModalFooter, ModalHeader } from '@patternfly/react-core'
import { useNavigate } from '@tanstack/react-router'
import { useState } from 'react'
import type { NewApiKey } from '../../api/api-key.ts'
import { routes } from '../api/routes.ts'
import { CopyBlock } from '../parts/copy-block.tsx'
import { CreatePage, plainInput, type Values } from '../parts/form.tsx'
import { apiKey } from './definition.tsx'
import { words } from './text.ts'

const day_ms = 24 * 60 * 60 * 1000
const days_max = 36_500

function toInput({ days, ...rest }: Values) {
  // What is out of bounds is refused by the field, and may be no date at all.
  const ends = typeof days === 'number' && days >= 1 && days <= days_max
  return plainInput({
    ...rest,
    ...(ends && { expires_at: new Date(Date.now() + days * day_ms).toISOString() }),
  })
}

export default function CreateApiKey() {
  const [made, setMade] = useState<NewApiKey>()
  return (
    <>
      <CreatePage
        noun={apiKey}
        route={routes['api-key'].create}
        initial={{ days: 90 }}
        toInput={toInput}
        fields={[
          { name: 'name', title: words('name'), kind: 'text' },
          {
            name: 'days',
            title: words('expires'),
            kind: 'number',
            unit: words('days'),
            minimum: 1,
            maximum: days_max,
            help: words('expires.help'),
          },
          {
            name: 'project',
            title: words('project'),
            kind: 'noun',
            from: routes.project.list,
            query: { sort: 'name' },
            empty: words('project.own'),
            help: words('project.help'),
          },
        ]}
        onDone={body => setMade(body as NewApiKey)}
      />
      {made && <Secret made={made} />}
    </>
  )
}

function Secret({ made }: { made: NewApiKey }) {
  const navigate = useNavigate()
  const leave = () => void navigate({ to: `/${apiKey.path}`, search: {} })
  const copy = (text: string, label: string) => <CopyBlock text={text} label={label} />
  return (
    // No way out but the button: by a stray click the secret would be lost.
    <Modal isOpen variant="medium" aria-labelledby="secret-title">
      <ModalHeader title={words('secret.title', { name: made.name })} labelId="secret-title" />
      <ModalBody>
        {made.secret === null ? (
          <Alert isInline variant="warning" title={words('secret.lost')} />
        ) : (
          <div className="croft-stack">
            <Alert isInline variant="info" title={words('secret.once')} />
            {copy(made.secret, words('secret.label'))}
            <span className="croft-muted">{words('secret.use')}</span>
            {copy(`export CROFT_URL=${location.origin} CROFT_TOKEN=${made.secret}`, words('secret.use'))}
          </div>
        )}
      </ModalBody>
      <ModalFooter>
        <Button onClick={leave}>{words('secret.done')}</Button>
      </ModalFooter>
    </Modal>
  )
}

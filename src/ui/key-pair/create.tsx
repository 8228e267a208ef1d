/** Takes in a public key; without one a pair is made, and its private key shown this once. */
import { Alert, Button, Title } from '@patternfly/react-core'
import { useState } from 'react'
import type { NewKeyPair } from '../../api/key-pair.ts'
import { routes } from '../api/routes.ts'
import { CopyBlock } from '../parts/copy-block.tsx'
import { CreatePage } from '../parts/form.tsx'
import { addressOf, LinkButton } from '../parts/link.tsx'
import { keyPair } from './definition.tsx'
import { words } from './text.ts'

export default function CreateKeyPair() {
  const [made, setMade] = useState<NewKeyPair>()
  if (made) return <Made pair={made} />
  return (
    <CreatePage
      noun={keyPair}
      route={routes['key-pair'].create}
      onDone={body => setMade(body as NewKeyPair)}
      fields={[
        { name: 'name', title: words('name'), kind: 'text' },
        { name: 'public_key', title: words('public_key'), kind: 'area', help: words('public_key.help') },
      ]}
    />
  )
}

function Made({ pair: { id, name, fingerprint, private_key } }: { pair: NewKeyPair }) {
  return (
    <div className="croft-stack">
      <Title headingLevel="h1">{name}</Title>
      <p>
        {words('fingerprint')} <code>{fingerprint}</code>
      </p>
      {private_key !== null && (
        <>
          <Alert isInline variant="warning" title={words('private.title')}>
            {words('private.body', { name })}
          </Alert>
          <CopyBlock text={private_key} label={words('private')} />
          <div>
            <Button variant="secondary" onClick={() => save(name, private_key)}>
              {words('private.save')}
            </Button>
          </div>
        </>
      )}
      <div>
        <LinkButton to={addressOf(keyPair.path, id)}>{words(private_key === null ? 'go' : 'private.done')}</LinkButton>
      </div>
    </div>
  )
}

/** As a file of the browser's downloads. */
function save(name: string, text: string): void {
  const url = URL.createObjectURL(new Blob([text], { type: 'application/x-pem-file' }))
  const link = document.createElement('a')
  link.href = url
  link.download = name
  link.click()
  URL.revokeObjectURL(url)
}

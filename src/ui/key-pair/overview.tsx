/** A key pair: its fingerprint, and the public key. */
import { Card, CardBody, ClipboardCopy } from '@patternfly/react-core'
import type { KeyPair } from '../../api/key-pair.ts'
import { Facts } from '../parts/facts.tsx'
import { Time } from '../parts/time.tsx'
import { words as shared } from '../text/shared.ts'
import { words } from './text.ts'

export default function KeyPairOverview({ item }: { item: KeyPair }) {
  return (
    <Card>
      <CardBody>
        <div className="croft-stack">
          <Facts
            facts={[
              [words('fingerprint'), <code key="fingerprint">{item.fingerprint}</code>],
              [words('created'), <Time key="created" at={item.created_at} />],
            ]}
          />
          <p className="croft-muted">{words('fingerprint.help')}</p>
          <strong>{words('public_key')}</strong>
          <ClipboardCopy
            isReadOnly
            isCode
            isBlock
            variant="inline"
            hoverTip={shared('copy')}
            clickTip={shared('copied')}
            textAriaLabel={words('public_key')}
          >
            {item.public_key}
          </ClipboardCopy>
        </div>
      </CardBody>
    </Card>
  )
}

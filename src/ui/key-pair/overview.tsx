/** A key pair: its fingerprint, and the public key. */
import { Card, CardBody } from '@patternfly/react-core'
import type { KeyPair } from '../../api/key-pair.ts'
import { CopyBlock } from '../parts/copy-block.tsx'
import { Facts } from '../parts/facts.tsx'
import { Time } from '../parts/time.tsx'
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
          <CopyBlock text={item.public_key} label={words('public_key')} />
        </div>
      </CardBody>
    </Card>
  )
}

/** An image key, to be compared with what its owner says of it. */
import { Card, CardBody } from '@patternfly/react-core'
import type { ImageKey } from '../../api/image-key.ts'
import { CopyBlock } from '../parts/copy-block.tsx'
import { Facts } from '../parts/facts.tsx'
import { Time } from '../parts/time.tsx'
import { words } from './text.ts'

export default function ImageKeyOverview({ item }: { item: ImageKey }) {
  return (
    <Card>
      <CardBody>
        <div className="croft-stack">
          <Facts
            facts={[
              [words('kind'), item.kind],
              [words('description'), item.description || null],
              [words('created'), <Time key="created" at={item.created_at} />],
            ]}
          />
          <strong>{words('fingerprint')}</strong>
          <code>{item.fingerprint}</code>
          <strong>{words('public_key')}</strong>
          <CopyBlock text={item.public_key} label={words('public_key')} />
        </div>
      </CardBody>
    </Card>
  )
}

/** An image key, to be compared with what its owner says of it. */
import { Card, CardBody, ClipboardCopy } from '@patternfly/react-core'
import type { ImageKey } from '../../api/image-key.ts'
import { Facts } from '../parts/facts.tsx'
import { Time } from '../parts/time.tsx'
import { words as shared } from '../text/shared.ts'
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

/** What an image is, how far its content has come, and why it failed. */
import { Alert, Card, CardBody, CardTitle, ClipboardCopy } from '@patternfly/react-core'
import type { Image } from '../../api/image.ts'
import { routes } from '../api/routes.ts'
import { Facts } from '../parts/facts.tsx'
import { LinkButton } from '../parts/link.tsx'
import { NameOf } from '../parts/name-of.tsx'
import { TagList } from '../parts/tags.tsx'
import { size, Time } from '../parts/time.tsx'
import { may, useSession } from '../session/session.ts'
import { words as shared } from '../text/shared.ts'
import { ImageStatusLabel } from './state.tsx'
import { words } from './text.ts'
import { UploadCard } from './upload-card.tsx'
import { isOurs } from './shared.ts'

const bytes = (value: number | null) => (value === null ? null : size(value))

export default function ImageOverview({ item }: { item: Image }) {
  const session = useSession()
  const { verified_by: verified, min_disk_gib, min_memory_mib } = item
  const properties = Object.entries(item.properties)
  return (
    <div className="croft-stack">
      {item.status === 'failed' && (
        <Alert
          isInline
          variant="danger"
          title={words('failed')}
          actionLinks={
            may(session, routes.image.create) && (
              <LinkButton to="/images/create" variant="link">
                {words('failed.again')}
              </LinkButton>
            )
          }
        >
          {item.failure}
        </Alert>
      )}
      {item.status === 'waiting' && isOurs(item) && may(session, routes.image.create) && <UploadCard image={item} />}
      <Card>
        <CardBody>
          <Facts
            facts={[
              [words('status'), <ImageStatusLabel key="status" image={item} />],
              [words('visibility'), words(`visibility.${item.visibility}.choice`)],
              [words('project'), <NameOf key="project" noun="project" id={item.project_id} />],
              [words('format'), item.format],
              [words('disk'), bytes(item.virtual_size_bytes)],
              [words('size'), bytes(item.size_bytes)],
              [words('min_disk'), min_disk_gib > 0 ? size(min_disk_gib, 'GiB') : null],
              [words('min_memory'), min_memory_mib > 0 ? size(min_memory_mib, 'MiB') : null],
              [words('protected'), words(item.protected ? 'yes' : 'no')],
              item.source_url !== null && [
                words('source_url'),
                <span key="url" className="croft-mono croft-break">
                  {item.source_url}
                </span>,
              ],
              [words('tags'), <TagList key="tags" tags={item.tags} />],
              [words('created'), <Time key="created" at={item.created_at} />],
            ]}
          />
        </CardBody>
      </Card>
      <div className="croft-cards">
        <Card>
          <CardTitle component="h2">{words('trust')}</CardTitle>
          <CardBody>
            <div className="croft-stack">
              {item.sha256 && (
                <div>
                  <strong>{words('sha256')}</strong>
                  <ClipboardCopy
                    variant="inline-compact"
                    isCode
                    hoverTip={shared('copy')}
                    clickTip={shared('copied')}
                    className="croft-break"
                  >
                    {item.sha256}
                  </ClipboardCopy>
                  <p className="croft-muted croft-small">{words('sha256.kept')}</p>
                </div>
              )}
              {verified ? (
                <Alert isInline isPlain variant="success" title={words('verified', { key: verified.key })}>
                  {verified.algorithm}, <Time at={verified.verified_at} />
                  <div className="croft-mono croft-break">{verified.fingerprint}</div>
                </Alert>
              ) : (
                <p className="croft-muted">{words('not_signed')}</p>
              )}
            </div>
          </CardBody>
        </Card>
        <Card>
          <CardTitle component="h2">{words('properties')}</CardTitle>
          <CardBody>
            {properties.length === 0 ? (
              <p className="croft-muted">{words('properties.none')}</p>
            ) : (
              <Facts facts={properties.map(([key, value]) => [words.maybe(`property.${key}`) ?? key, value])} />
            )}
          </CardBody>
        </Card>
      </div>
    </div>
  )
}

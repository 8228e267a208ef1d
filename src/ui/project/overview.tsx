/** What a project is, and how much of its quota is used. */
import { Button, Card, CardBody } from '@patternfly/react-core'
import type { Project } from '../../api/project.ts'
import { PlaceName } from '../grant/names.tsx'
import { EnabledLabel } from '../parts/enabled.tsx'
import { Facts } from '../parts/facts.tsx'
import { Time } from '../parts/time.tsx'
import { mayIn, switchProject, useSession } from '../session/session.ts'
import { operations } from '../shell/operations.ts'
import { QuotaOf } from './quota.tsx'
import { words } from './text.ts'

/** The whole page is of that project then. */
async function workIn({ id, name }: Project): Promise<void> {
  await switchProject(id).catch((error: unknown) =>
    operations.said(words('work.in', { name }), { variant: 'danger', error }),
  )
}

export default function ProjectOverview({ item }: { item: Project }) {
  const session = useSession()
  const works_here = item.id === session.project?.id
  const sees = works_here
    ? session.permissions.project.includes('quota.read')
    : mayIn(session, 'quota.read', item.domain_id)
  return (
    <div className="croft-stack">
      <Card>
        <CardBody>
          <Facts
            facts={[
              [words('state'), <EnabledLabel key="state" on={item.enabled} />],
              [words('domain'), <PlaceName key="domain" noun="domain" id={item.domain_id} />],
              [words('description'), item.description || '–'],
              [words('created'), <Time key="created" at={item.created_at} />],
              [
                words('work'),
                works_here ? (
                  words('here')
                ) : (
                  <Button key="switch" variant="link" isInline onClick={() => void workIn(item)}>
                    {words('work.here')}
                  </Button>
                ),
              ],
            ]}
          />
        </CardBody>
      </Card>
      {sees && <QuotaOf item={item} />}
    </div>
  )
}

/** For who only operates: instances are given by project, so the other projects are at hand, and nothing more of them. */
import { Button, Card, CardBody, CardTitle } from '@patternfly/react-core'
import CloudIcon from '@patternfly/react-icons/dist/esm/icons/cloud-icon'
import type { Project } from '../../api/project.ts'
import { useChoices } from '../api/read.ts'
import { routes } from '../api/routes.ts'
import { Empty } from '../parts/empty.tsx'
import { ProblemAlert } from '../parts/problem.tsx'
import { holdsNothing, switchProject, useSession } from '../session/session.ts'
import { operations } from '../shell/operations.ts'
import { words as shared } from '../text/shared.ts'
import { words } from './text.ts'

export default function OtherProjects() {
  const session = useSession()
  const { project } = session
  const { data, error } = useChoices<Project>(
    routes.project.list,
    { sort: 'name' },
    { follows: ['project', 'role-grant'] },
  )
  if (!data) return <ProblemAlert error={error} />
  const others = data.items.filter(one => one.id !== project?.id && one.enabled)
  if (others.length === 0) return holdsNothing(session) ? <NothingYet /> : null
  const change = ({ id, name }: Project) =>
    void switchProject(id).catch((error: unknown) =>
      operations.said(words('projects.change', { name }), { variant: 'danger', error }),
    )
  return (
    <Card>
      <CardTitle component="h2">{words(project ? 'projects' : 'projects.first')}</CardTitle>
      <CardBody className="croft-stack">
        <p className="croft-muted">{words('projects.body')}</p>
        <div className="croft-states">
          {others.map(one => (
            <Button
              key={one.id}
              variant="secondary"
              aria-label={words('projects.change', { name: one.name })}
              title={shared('project.switch')}
              onClick={() => change(one)}
            >
              {one.name}
            </Button>
          ))}
        </div>
      </CardBody>
    </Card>
  )
}

/** What is given from now on is told by the stream of events, and shown at once (session.ts, followRights). */
function NothingYet() {
  return (
    <Card>
      <CardBody>
        <Empty title={words('portal.no_project')} icon={CloudIcon}>
          {words('portal.no_project.what')}
        </Empty>
      </CardBody>
    </Card>
  )
}

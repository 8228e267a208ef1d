/** The own project's quota as a page. */
import { Title } from '@patternfly/react-core'
import { routes } from '../api/routes.ts'
import { ApiCallButton } from '../parts/api-call.tsx'
import { Empty } from '../parts/empty.tsx'
import { useTitle } from '../parts/use-title.ts'
import { mayIn, useSession } from '../session/session.ts'
import { words as shared } from '../text/shared.ts'
import { QuotaPanel } from './panel.tsx'
import { words } from './text.ts'

export default function OwnQuota() {
  const session = useSession()
  useTitle(words('one'))
  const { project } = session
  if (!project) return <Empty title={shared('no_project')} />
  const manages = mayIn(session, 'quota.manage', project.domain_id)
  return (
    <div className="croft-stack">
      <header className="croft-head">
        <Title headingLevel="h1">{words('one')}</Title>
        <div className="croft-head-actions">
          <ApiCallButton calls={() => [{ route: routes.quota.get, input: {} }]} />
        </div>
      </header>
      <p className="croft-muted">{words('own.body', { project: project.name })}</p>
      <QuotaPanel
        scope="project"
        id={project.id}
        name={project.name}
        {...(!manages && { whyNot: words('own.more') })}
      />
      <p className="croft-muted">{words(manages ? 'own.manage' : 'own.more')}</p>
    </div>
  )
}

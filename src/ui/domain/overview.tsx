/** What a domain is, where it lies in the tree of those that one may see, and its projects and users. */
import { Card, CardBody, CardTitle } from '@patternfly/react-core'
import type { Domain } from '../../api/domain.ts'
import type { Project } from '../../api/project.ts'
import type { User } from '../../api/user.ts'
import { useChoices } from '../api/read.ts'
import { routes } from '../api/routes.ts'
import { EnabledLabel } from '../parts/enabled.tsx'
import { Facts } from '../parts/facts.tsx'
import { ThingLink, To } from '../parts/link.tsx'
import { ProblemAlert } from '../parts/problem.tsx'
import { SimpleTable } from '../parts/simple-table.tsx'
import { Time } from '../parts/time.tsx'
import { may, useSession } from '../session/session.ts'
import { words } from './text.ts'
import './domain.css'

export default function DomainOverview({ item }: { item: Domain }) {
  const session = useSession()
  const query = { domain_id: item.id, sort: 'name' }
  const projects = useChoices<Project>(routes.project.list, query, { follows: ['project'] })
  const sees_users = may(session, routes.user.list)
  const users = useChoices<User>(routes.user.list, query, { follows: ['user'], enabled: sees_users })
  return (
    <div className="croft-stack">
      <Card>
        <CardBody>
          <Facts
            facts={[
              [words('description'), item.description || '–'],
              [words('created'), <Time key="created" at={item.created_at} />],
            ]}
          />
        </CardBody>
      </Card>
      <div className="croft-cards">
        <Card>
          <CardTitle component="h2">{words('tree')}</CardTitle>
          <CardBody>
            <Tree current={item} />
          </CardBody>
        </Card>
        <Holds title={words('projects')} noun="project" path="projects" domain={item} answer={projects} />
        {sees_users && <Holds title={words('users')} noun="user" path="users" domain={item} answer={users} />}
      </div>
    </div>
  )
}

function Tree({ current }: { current: Domain }) {
  const { data, error } = useChoices<Domain>(routes.domain.list, { sort: 'name', limit: 1000 }, { follows: ['domain'] })
  const all = data?.items ?? [current]
  const known = new Set(all.map(one => one.id))
  const below = Map.groupBy(all, one => (one.parent_id !== null && known.has(one.parent_id) ? one.parent_id : null))
  const branch = (parent: string | null) => {
    const children = below.get(parent) ?? []
    return (
      children.length > 0 && (
        <ul className="croft-tree">
          {children.map(one => (
            <li key={one.id}>
              {one.id === current.id ? (
                <strong aria-current="true">
                  {one.name} <span className="croft-muted">({words('here')})</span>
                </strong>
              ) : (
                <ThingLink noun="domain" id={one.id}>
                  {one.name}
                </ThingLink>
              )}
              {branch(one.id)}
            </li>
          ))}
        </ul>
      )
    )
  }
  return (
    <>
      <ProblemAlert error={error} />
      {branch(null)}
    </>
  )
}

const shown_max = 10

function Holds({
  title,
  noun,
  path,
  domain,
  answer: { data, error },
}: {
  title: string
  noun: 'project' | 'user'
  path: string
  domain: Domain
  answer: {
    data: { items: readonly { id: string; name: string; enabled: boolean }[] } | undefined
    error: unknown
  }
}) {
  return (
    <Card>
      <CardTitle component="h2">
        <div className="croft-card-head">
          {title}
          <To to={`/${path}`} search={{ domain_id: domain.id }}>
            {words('more')}
          </To>
        </div>
      </CardTitle>
      <CardBody>
        <ProblemAlert error={error} />
        <SimpleTable
          label={title}
          items={data?.items.slice(0, shown_max)}
          keyOf={one => one.id}
          empty={words(noun === 'project' ? 'projects.none' : 'users.none')}
          columns={[
            {
              title: words('name'),
              cell: one => (
                <ThingLink noun={noun} id={one.id}>
                  {one.name}
                </ThingLink>
              ),
            },
            { title: words('state'), cell: one => <EnabledLabel on={one.enabled} /> },
          ]}
        />
      </CardBody>
    </Card>
  )
}

/** Projects: list, page with members and quota, form. */
import ProjectIcon from '@patternfly/react-icons/dist/esm/icons/folder-icon'
import type { Project } from '../../api/project.ts'
import { routes } from '../api/routes.ts'
import { PlaceName } from '../grant/names.tsx'
import { defineNoun } from '../noun/definition.ts'
import { createdColumn, deleting, enabling, nameColumn } from '../noun/usual.tsx'
import { EnabledLabel } from '../parts/enabled.tsx'
import { mayIn, sessionNow } from '../session/session.ts'
import { words as settingWords } from '../setting/text.ts'
import { words } from './text.ts'

/** By the project's own domain; to manage another's is not enough. */
function whyNotManage(one: Project): string | undefined {
  const permission = 'project.manage'
  return mayIn(sessionNow(), permission, one.domain_id) ? undefined : words('why_not.manage', { permission })
}

export const project = defineNoun<Project>({
  name: 'project',
  path: 'projects',
  area: 'access',
  title: () => words('one'),
  titles: () => words('many'),
  icon: ProjectIcon,
  list: routes.project.list,
  default_sort: 'name',
  get: { route: routes.project.get, param: 'project' },
  columns: [
    nameColumn(() => words('name')),
    { id: 'state', title: () => words('state'), cell: one => <EnabledLabel on={one.enabled} /> },
    {
      id: 'domain',
      title: () => words('domain'),
      cell: one => <PlaceName noun="domain" id={one.domain_id} />,
    },
    { id: 'description', title: () => words('description'), cell: one => one.description, width: 'minmax(8rem, 2fr)' },
    createdColumn(() => words('created')),
  ],
  filters: [{ field: 'domain_id', title: () => words('domain'), kind: 'noun', noun: 'domain' }],
  // A project's events are its own; the list holds those of others, too.
  shared_between_projects: true,
  actions: [
    {
      id: 'edit',
      title: () => words('edit'),
      route: routes.project.update,
      primary: true,
      whyNot: whyNotManage,
      input: one => ({ params: { project: one.id }, body: { description: one.description } }),
      dialog: () => import('./edit.tsx'),
    },
    ...enabling(words, routes.project.update, 'project', whyNotManage),
    deleting(words, routes.project.delete, 'project', whyNotManage),
  ],
  tabs: [
    { id: 'overview', title: () => words('overview'), load: () => import('./overview.tsx') },
    {
      id: 'members',
      title: () => words('members'),
      load: () => import('./members.tsx'),
      calls: one => [{ route: routes['role-grant'].list, input: { query: { project_id: one.id } } }],
    },
    {
      id: 'quota',
      title: () => words('quota'),
      load: () => import('./quota.tsx'),
      calls: one => [{ route: routes.quota.get, input: { query: { project_id: one.id } } }],
      when: one => {
        const session = sessionNow()
        const own = one.id === session.project?.id && session.permissions.project.includes('quota.read')
        return own || mayIn(session, 'quota.read', one.domain_id)
      },
    },
    {
      id: 'settings',
      title: () => settingWords('title'),
      load: () => import('../setting/tab.tsx').then(tabs => ({ default: tabs.ProjectSettings })),
      needs: { level: 'domain', needs: 'setting.read' },
    },
  ],
  badge: one => <EnabledLabel on={one.enabled} />,
  create: { route: routes.project.create, title: () => words('create'), load: () => import('./create.tsx') },
  empty: () => words('empty'),
})

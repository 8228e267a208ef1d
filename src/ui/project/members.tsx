/** Who holds a role in a project. */
import type { Project } from '../../api/project.ts'
import { GrantTable } from '../grant/table.tsx'
import { mayIn, useSession } from '../session/session.ts'
import { words } from './text.ts'

export default function Members({ item }: { item: Project }) {
  const session = useSession()
  const permission = 'user.manage'
  const why = mayIn(session, permission, item.domain_id) ? undefined : words('why_not.manage', { permission })
  return <GrantTable about={{ project_id: item.id }} name={item.name} whyNot={why} />
}

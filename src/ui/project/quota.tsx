/** A project's quota, on its page. */
import type { Project } from '../../api/project.ts'
import { QuotaPanel } from '../quota/panel.tsx'
import { mayIn, useSession } from '../session/session.ts'
import { words } from './text.ts'

export function QuotaOf({ item }: { item: Project }) {
  const session = useSession()
  const permission = 'quota.manage'
  const why = mayIn(session, permission, item.domain_id) ? undefined : words('why_not.manage', { permission })
  return <QuotaPanel scope="project" id={item.id} name={item.name} whyNot={why} />
}

export default QuotaOf

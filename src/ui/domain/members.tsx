/** Who holds a role in a domain and all below it. */
import type { Domain } from '../../api/domain.ts'
import { GrantTable } from '../grant/table.tsx'
import { mayIn, useSession } from '../session/session.ts'
import { words } from './text.ts'

export default function RoleHolders({ item }: { item: Domain }) {
  const session = useSession()
  const permission = 'user.manage'
  const why = mayIn(session, permission, item.id) ? undefined : words('why_not.manage', { permission })
  return <GrantTable about={{ domain_id: item.id }} name={item.name} whyNot={why} />
}

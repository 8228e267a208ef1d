/** What a user did, or tried: its part of the audit log. */
import type { User } from '../../api/user.ts'
import { AuditTable } from '../audit/table.tsx'

export default function UserAudit({ item }: { item: User }) {
  return <AuditTable query={{ user_id: item.id }} />
}

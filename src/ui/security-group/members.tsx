/** Whose ports are in a group. */
import type { SecurityGroup } from '../../api/security-group.ts'
import { PortTable } from '../port/table.tsx'
import { words } from './text.ts'

export default function SecurityGroupMembers({ item }: { item: SecurityGroup }) {
  return <PortTable query={{ security_group_id: item.id }} empty={words('members.none')} />
}

/** What happened to a security group. */
import type { SecurityGroup } from '../../api/security-group.ts'
import { EventTable } from '../parts/event-table.tsx'

export default function SecurityGroupEvents({ item }: { item: SecurityGroup }) {
  return <EventTable noun="security-group" id={item.id} />
}

/** What happened to a port. */
import type { Port } from '../../api/port.ts'
import { EventTable } from '../parts/event-table.tsx'

export default function PortEvents({ item }: { item: Port }) {
  return <EventTable noun="port" id={item.id} />
}

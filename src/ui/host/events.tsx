/** What happened to a host. */
import type { Host } from '../../api/host.ts'
import { EventTable } from '../parts/event-table.tsx'

export default function HostEvents({ item }: { item: Host }) {
  return <EventTable noun="host" id={item.id} />
}

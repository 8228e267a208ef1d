/** What happened to an instance. */
import type { Instance } from '../../api/instance.ts'
import { EventTable } from '../parts/event-table.tsx'

export default function InstanceEvents({ item }: { item: Instance }) {
  return <EventTable noun="instance" id={item.id} />
}

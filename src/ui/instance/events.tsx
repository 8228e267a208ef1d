/** What happened to an instance. */
import type { Instance } from '../../api/instance.ts'
import { EventTable } from '../parts/event-table.tsx'
import { Restarts } from './restarts.tsx'

export default function InstanceEvents({ item }: { item: Instance }) {
  return (
    <div className="croft-stack">
      <Restarts instance={item} />
      <EventTable noun="instance" id={item.id} />
    </div>
  )
}

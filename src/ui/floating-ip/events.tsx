/** What happened to a floating address. */
import type { FloatingIp } from '../../api/floating-ip.ts'
import { EventTable } from '../parts/event-table.tsx'

export default function FloatingIpEvents({ item }: { item: FloatingIp }) {
  return <EventTable noun="floating-ip" id={item.id} />
}

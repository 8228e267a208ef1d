/** What happened to a router. */
import type { Router } from '../../api/router.ts'
import { EventTable } from '../parts/event-table.tsx'

export default function RouterEvents({ item }: { item: Router }) {
  return <EventTable noun="router" id={item.id} />
}

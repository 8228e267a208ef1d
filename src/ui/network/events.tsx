/** What happened to a network. */
import type { Network } from '../../api/network.ts'
import { EventTable } from '../parts/event-table.tsx'

export default function NetworkEvents({ item }: { item: Network }) {
  return <EventTable noun="network" id={item.id} />
}

/** What happened to a volume. */
import type { Volume } from '../../api/volume.ts'
import { EventTable } from '../parts/event-table.tsx'

export default function VolumeEvents({ item }: { item: Volume }) {
  return <EventTable noun="volume" id={item.id} />
}

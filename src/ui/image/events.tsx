/** What happened to an image. */
import type { Image } from '../../api/image.ts'
import { EventTable } from '../parts/event-table.tsx'

export default function ImageEvents({ item }: { item: Image }) {
  return <EventTable noun="image" id={item.id} />
}

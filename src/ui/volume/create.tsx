/** The form that makes a volume, empty or as a copy of an image. */
import type { Image } from '../../api/image.ts'
import { routes } from '../api/routes.ts'
import { CreatePage } from '../parts/form.tsx'
import { size } from '../parts/time.tsx'
import { volume } from './definition.tsx'
import { words } from './text.ts'

export default function CreateVolume() {
  return (
    <CreatePage
      noun={volume}
      route={routes.volume.create}
      initial={{ size_gib: 10 }}
      fields={[
        { name: 'name', title: words('name'), kind: 'text' },
        {
          name: 'image_id',
          title: words('content'),
          kind: 'noun',
          from: routes.image.list,
          query: { sort: 'name' },
          only: one => (one as Image).status === 'ready',
          describe: one => size((one as Image).virtual_size_bytes ?? 0),
          empty: words('content.none'),
          help: words('content.help'),
        },
        { name: 'size_gib', title: words('size'), kind: 'number', unit: 'GiB', help: words('size.help') },
      ]}
    />
  )
}

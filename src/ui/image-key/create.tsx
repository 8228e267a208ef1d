/** The form that has a key trusted. */
import { routes } from '../api/routes.ts'
import { CreatePage } from '../parts/form.tsx'
import { imageKey } from './definition.tsx'
import { words } from './text.ts'

export default function CreateImageKey() {
  return (
    <CreatePage
      noun={imageKey}
      route={routes['image-key'].create}
      fields={[
        { name: 'name', title: words('name'), kind: 'text' },
        { name: 'public_key', title: words('public_key'), kind: 'area', help: words('public_key.help') },
        { name: 'description', title: words('description'), kind: 'text' },
      ]}
    />
  )
}

/** The form that makes a region. */
import { routes } from '../api/routes.ts'
import { CreatePage } from '../parts/form.tsx'
import { region } from './definition.tsx'
import { words } from './text.ts'

export default function CreateRegion() {
  return (
    <CreatePage
      noun={region}
      route={routes.region.create}
      fields={[{ name: 'name', title: words('name'), kind: 'text' }]}
    />
  )
}

/** The form that makes a flavor. */
import { routes } from '../api/routes.ts'
import { CreatePage } from '../parts/form.tsx'
import { flavor } from './definition.tsx'
import { words } from './text.ts'

export default function CreateFlavor() {
  return (
    <CreatePage
      noun={flavor}
      route={routes.flavor.create}
      initial={{ vcpus: 1, memory_mib: 1024, disk_gib: 10 }}
      fields={[
        { name: 'name', title: words('name'), kind: 'text' },
        { name: 'vcpus', title: words('vcpus'), kind: 'number' },
        { name: 'memory_mib', title: words('memory'), kind: 'number', unit: 'MiB' },
        { name: 'disk_gib', title: words('disk'), kind: 'number', unit: 'GiB' },
      ]}
      more={[
        {
          name: 'ephemeral_gib',
          title: words('ephemeral'),
          kind: 'number',
          unit: 'GiB',
          help: words('ephemeral.help'),
        },
        { name: 'swap_mib', title: words('swap'), kind: 'number', unit: 'MiB', help: words('swap.help') },
        { name: 'properties', title: words('properties'), kind: 'tags', help: words('properties.help') },
      ]}
    />
  )
}

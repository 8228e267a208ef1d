/** Changes what is said of an image; its content never changes. */
import type { Image } from '../../api/image.ts'
import { routes } from '../api/routes.ts'
import { FormDialog, type Values } from '../parts/form.tsx'
import { propertyFields, propertyValues, visibilityField, withProperties } from './shared.ts'
import { words } from './text.ts'

export default function EditImage({ item, done }: { item: Image; done: () => void }) {
  const { name, visibility, min_disk_gib, min_memory_mib, tags } = item
  const toInput = (values: Values) => ({
    params: { image: item.id },
    // Emptied is none: 0, and no tags.
    body: {
      ...withProperties(values),
      min_disk_gib: values.min_disk_gib ?? 0,
      min_memory_mib: values.min_memory_mib ?? 0,
    },
    if_match: item.version,
  })
  return (
    <FormDialog
      title={words('edit.of', { name })}
      yes={words('save')}
      route={routes.image.update}
      initial={{ name, visibility, min_disk_gib, min_memory_mib, tags, ...propertyValues(item.properties) }}
      toInput={toInput}
      fields={[
        { name: 'name', title: words('name'), kind: 'text', required: true },
        { ...visibilityField(), required: true },
        { name: 'min_disk_gib', title: words('min_disk'), kind: 'number', unit: 'GiB' },
        { name: 'min_memory_mib', title: words('min_memory'), kind: 'number', unit: 'MiB' },
        ...propertyFields(),
        { name: 'tags', title: words('tags'), kind: 'tags' },
      ]}
      done={done}
    />
  )
}

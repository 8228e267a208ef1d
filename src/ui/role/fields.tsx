/** The fields of a role, for making and changing one. */
import type { FormField } from '../parts/form.tsx'
import { PermissionGroups } from './permissions.tsx'
import { words } from './text.ts'

export function roleFields(): FormField[] {
  return [
    { name: 'name', title: words('name'), kind: 'text' },
    { name: 'description', title: words('description'), kind: 'text' },
    {
      name: 'permissions',
      title: words('permissions'),
      kind: 'own',
      draw: (values, set) => (
        <PermissionGroups
          chosen={(values.permissions as string[] | undefined) ?? []}
          onChange={chosen => set('permissions', chosen)}
        />
      ),
    },
  ]
}

/** Words of the pages of roles; what permissions are called is in permission-text.ts. */
import { catalogue } from '../text/catalogue.ts'

export const words = catalogue({
  en: {
    one: 'Role',
    many: 'Roles',
    create: 'Compose role',
    empty:
      'A role is a set of permissions under a name. Granted to a user, it holds everywhere, in a domain, or in one project.',
    name: 'Name',
    description: 'Description',
    permissions: 'Permissions',
    count: '{n} of {all}',
    kind: 'Kind',
    built_in: 'comes with Croft',
    composed: 'composed',
    'built_in.why': 'It comes with Croft and stays as it is. Compose a role of your own to have it otherwise.',
    created: 'Created',
    overview: 'Overview',
    edit: 'Edit',
    copy: 'Compose one like it',
    delete: 'Delete',
    'delete.title': 'Delete {n, plural, one {this role} other {# roles}}?',
    'delete.body': '{names}: only a role that nobody holds can be deleted.',
    none: 'none',
    'edit.body': 'It counts at once for all who hold the role.',
  },
  de: {
    one: 'Rolle',
    many: 'Rollen',
    create: 'Rolle zusammenstellen',
    empty:
      'Eine Rolle ist eine Menge von Berechtigungen mit einem Namen. Vergeben gilt sie überall, in einer Domäne oder in einem Projekt.',
    name: 'Name',
    description: 'Beschreibung',
    permissions: 'Berechtigungen',
    count: '{n} von {all}',
    kind: 'Art',
    built_in: 'von Croft',
    composed: 'zusammengestellt',
    'built_in.why':
      'Sie gehört zu Croft und bleibt, wie sie ist. Stellen Sie eine eigene zusammen, um es anders zu haben.',
    created: 'Angelegt',
    overview: 'Überblick',
    edit: 'Bearbeiten',
    copy: 'Eine ähnliche zusammenstellen',
    delete: 'Löschen',
    'delete.title': '{n, plural, one {Diese Rolle} other {# Rollen}} löschen?',
    'delete.body': '{names}: nur eine Rolle, die niemand hat, kann gelöscht werden.',
    none: 'keine',
    'edit.body': 'Es gilt sofort für alle, die die Rolle haben.',
  },
})

/** Words of the pages of zones. */
import { catalogue } from '../text/catalogue.ts'

export const words = catalogue({
  en: {
    one: 'Zone',
    many: 'Zones',
    create: 'Create zone',
    empty:
      'A zone is a place that fails apart from others, such as a room or a rack. Users choose where instances go by it.',
    name: 'Name',
    'name.help': 'Users see it when they choose where an instance goes.',
    created: 'Created',
    region: 'Region',
    edit: 'Change',
    save: 'Save',
    delete: 'Delete',
    'delete.title': 'Delete this zone?',
    'delete.body': '{names}: only a zone without clusters can be deleted.',
    overview: 'Overview',
    clusters: 'Clusters',
    'clusters.none': 'No cluster is in it yet.',
    cpu: 'CPU overcommit',
    memory: 'Memory overcommit',
  },
  de: {
    one: 'Zone',
    many: 'Zonen',
    create: 'Zone anlegen',
    empty:
      'Eine Zone ist ein Ort, der für sich ausfällt, etwa ein Raum oder ein Schrank. Nutzer wählen danach, wohin Instanzen kommen.',
    name: 'Name',
    'name.help': 'Nutzer sehen ihn, wenn sie wählen, wohin eine Instanz kommt.',
    created: 'Angelegt',
    region: 'Region',
    edit: 'Ändern',
    save: 'Speichern',
    delete: 'Löschen',
    'delete.title': 'Diese Zone löschen?',
    'delete.body': '{names}: nur eine Zone ohne Cluster lässt sich löschen.',
    overview: 'Überblick',
    clusters: 'Cluster',
    'clusters.none': 'Noch kein Cluster ist darin.',
    cpu: 'CPU-Überbuchung',
    memory: 'Speicher-Überbuchung',
  },
})

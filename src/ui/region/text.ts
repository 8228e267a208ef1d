/** Words of the pages of regions. */
import { catalogue } from '../text/catalogue.ts'

export const words = catalogue({
  en: {
    one: 'Region',
    many: 'Regions',
    create: 'Create region',
    empty: 'A region is a place far from others, with zones of its own.',
    name: 'Name',
    created: 'Created',
    edit: 'Rename',
    save: 'Save',
    delete: 'Delete',
    'delete.title': 'Delete this region?',
    'delete.body': '{names}: only a region without zones can be deleted.',
    overview: 'Overview',
    zones: 'Zones',
    'zones.none': 'No zone is in it yet.',
  },
  de: {
    one: 'Region',
    many: 'Regionen',
    create: 'Region anlegen',
    empty: 'Eine Region ist ein Ort fern von anderen, mit eigenen Zonen.',
    name: 'Name',
    created: 'Angelegt',
    edit: 'Umbenennen',
    save: 'Speichern',
    delete: 'Löschen',
    'delete.title': 'Diese Region löschen?',
    'delete.body': '{names}: nur eine Region ohne Zonen lässt sich löschen.',
    overview: 'Überblick',
    zones: 'Zonen',
    'zones.none': 'Noch keine Zone ist darin.',
  },
})

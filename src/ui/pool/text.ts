/** Words of the pages of pools. */
import { catalogue } from '../text/catalogue.ts'

export const words = catalogue({
  en: {
    one: 'Pool',
    many: 'Pools',
    overview: 'Overview',
    metrics: 'Metrics',
    empty:
      'Hosts make the file systems known that their disks are in. Those that find the same mark in it share a pool.',
    id: 'Mark',
    name: 'Name',
    state: 'State',
    'state.up': 'up',
    'state.other': 'no answer',
    hosts: 'Hosts',
    'hosts.none': 'No host has it any more.',
    shared: 'Shared',
    'shared.yes':
      'Several hosts have it: instances move between them without their disks, and can be highly available.',
    'shared.no': 'One host has it: instances that move elsewhere have their disks copied.',
    yes: 'yes',
    no: 'no',
    volumes: 'Volumes',
    room: 'Room',
    claimed: 'Claimed',
    written: 'Written',
    'room.note':
      'Claimed is the size of all volumes. Disks take room only as they are written; what else is on the file system counts as written, too.',
    created: 'First seen',
  },
  de: {
    one: 'Pool',
    many: 'Pools',
    overview: 'Überblick',
    metrics: 'Messwerte',
    empty:
      'Hosts melden die Dateisysteme, in denen ihre Disks liegen. Die dieselbe Marke darin finden, teilen sich einen Pool.',
    id: 'Marke',
    name: 'Name',
    state: 'Zustand',
    'state.up': 'läuft',
    'state.other': 'antwortet nicht',
    hosts: 'Hosts',
    'hosts.none': 'Kein Host hat ihn mehr.',
    shared: 'Geteilt',
    'shared.yes':
      'Mehrere Hosts haben ihn: Instanzen ziehen ohne ihre Disks zwischen ihnen um und können hochverfügbar sein.',
    'shared.no': 'Ein Host hat ihn: Disks von Instanzen, die umziehen, werden kopiert.',
    yes: 'ja',
    no: 'nein',
    volumes: 'Volumes',
    room: 'Platz',
    claimed: 'Vergeben',
    written: 'Beschrieben',
    'room.note':
      'Vergeben ist die Größe aller Volumes. Disks nehmen nur den Platz, der beschrieben ist; auch anderes auf dem Dateisystem zählt als beschrieben.',
    created: 'Zuerst gesehen',
  },
})

/** Words of the pages of flavors. */
import { catalogue } from '../text/catalogue.ts'

export const words = catalogue({
  en: {
    one: 'Flavor',
    many: 'Flavors',
    create: 'Create flavor',
    empty: 'A flavor is a size of instance: how many virtual CPUs, how much memory and disk. Users choose among them.',
    name: 'Name',
    vcpus: 'vCPUs',
    memory: 'Memory',
    disk: 'Disk',
    ephemeral: 'Ephemeral disk',
    'ephemeral.help': 'A second disk, empty and formatted, gone with the instance. Empty or 0: none.',
    swap: 'Swap disk',
    'swap.help': 'Empty or 0: none.',
    properties: 'Properties',
    'properties.help':
      'CPUs of its own (cpu.policy=dedicated), NUMA nodes (numa.nodes=2), huge pages (memory.page_size=large), devices (pci=gpu:1), a CPU model (cpu.model), room to grow (cpu.max, memory.max_mib); labels of hosts (label:KEY).',
    created: 'Created',
    delete: 'Delete',
    'delete.title': 'Delete {n, plural, one {this flavor} other {# flavors}}?',
    'delete.body': '{names}: nobody can make new instances of this size then. Instances made of it stay as they are.',
    overview: 'Overview',
  },
  de: {
    one: 'Größe',
    many: 'Größen',
    create: 'Größe anlegen',
    empty:
      'Eine Größe sagt, wie viele virtuelle CPUs, wie viel Speicher und Platte eine Instanz hat. Nutzer wählen unter ihnen.',
    name: 'Name',
    vcpus: 'vCPUs',
    memory: 'Speicher',
    disk: 'Platte',
    ephemeral: 'Flüchtige Platte',
    'ephemeral.help': 'Eine zweite, leere und formatierte Platte, die mit der Instanz geht. Leer oder 0: keine.',
    swap: 'Auslagerungsplatte',
    'swap.help': 'Leer oder 0: keine.',
    properties: 'Eigenschaften',
    'properties.help':
      'Eigene CPUs (cpu.policy=dedicated), NUMA-Knoten (numa.nodes=2), große Seiten (memory.page_size=large), Geräte (pci=gpu:1), ein CPU-Modell (cpu.model), Raum zum Wachsen (cpu.max, memory.max_mib); Etiketten von Hosts (label:NAME).',
    created: 'Angelegt',
    delete: 'Löschen',
    'delete.title': '{n, plural, one {Diese Größe} other {# Größen}} löschen?',
    'delete.body':
      '{names}: neue Instanzen dieser Größe sind dann nicht mehr möglich. Bestehende bleiben, wie sie sind.',
    overview: 'Überblick',
  },
})

/** Words of the pages of PCI aliases. */
import { catalogue } from '../text/catalogue.ts'

export const words = catalogue({
  en: {
    one: 'PCI alias',
    many: 'PCI aliases',
    create: 'Create PCI alias',
    empty:
      'An alias is a name for a kind of PCI device, such as a GPU. Flavors ask for devices by it (property pci), and only what an alias matches is ever given to an instance.',
    name: 'Name',
    'name.help': 'As flavors name it, as in pci=gpu:1.',
    vendor: 'Vendor',
    'vendor.help':
      'Four hexadecimal digits, as lspci -nn shows them. At least one of vendor, device and class is needed.',
    device: 'Device',
    class: 'Class',
    'class.help': 'The beginning of the class code: 03 is every display, 0302 a 3D controller.',
    nic: 'Network functions',
    'nic.yes': 'yes',
    'nic.help':
      'Each device is the network card of one of the instance’s ports, the last ports first, with its MAC address. Only virtual functions (SR-IOV), no whole cards.',
    any: 'any',
    description: 'Description',
    created: 'Created',
    delete: 'Delete',
    'delete.title': 'Delete {n, plural, one {this alias} other {# aliases}}?',
    'delete.body': '{names}: no more devices are given under this name. Instances keep those that they have.',
    overview: 'Overview',
  },
  de: {
    one: 'PCI-Alias',
    many: 'PCI-Aliase',
    create: 'PCI-Alias anlegen',
    empty:
      'Ein Alias ist ein Name für eine Art von PCI-Gerät, etwa eine GPU. Größen verlangen Geräte unter ihm (Eigenschaft pci), und nur was ein Alias trifft, bekommt je eine Instanz.',
    name: 'Name',
    'name.help': 'Wie Größen ihn nennen, etwa pci=gpu:1.',
    vendor: 'Hersteller',
    'vendor.help':
      'Vier hexadezimale Ziffern, wie lspci -nn sie zeigt. Mindestens eines von Hersteller, Gerät und Klasse ist nötig.',
    device: 'Gerät',
    class: 'Klasse',
    'class.help': 'Der Anfang der Klasse: 03 ist jede Grafik, 0302 ein 3D-Beschleuniger.',
    nic: 'Netzfunktionen',
    'nic.yes': 'ja',
    'nic.help':
      'Jedes Gerät ist die Netzkarte eines Anschlusses der Instanz, die letzten zuerst, mit dessen MAC-Adresse. Nur virtuelle Funktionen (SR-IOV), keine ganzen Karten.',
    any: 'beliebig',
    description: 'Beschreibung',
    created: 'Angelegt',
    delete: 'Löschen',
    'delete.title': '{n, plural, one {Diesen Alias} other {# Aliase}} löschen?',
    'delete.body': '{names}: unter diesem Namen werden keine Geräte mehr vergeben. Instanzen behalten ihre.',
    overview: 'Überblick',
  },
})

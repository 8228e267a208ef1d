/** Words about the storm brake. */
import { catalogue } from '../text/catalogue.ts'

export const words = catalogue({
  en: {
    title: '{gone} of {hosts} hosts of the zone {name} vanished at once',
    counts: '{gone} of {hosts} hosts gone',
    held: 'It is held by the storm brake:',
    'held.zone': 'the whole zone {name}',
    why: 'When so many go together the network is suspected, and not they: no power is cut, and nothing is restarted elsewhere. This ends by itself when enough of them are back. Look at switches, routers and the power of racks first.',
    overridden:
      'An operator said that they are truly down: they are fenced, and their highly available instances run elsewhere.',
    override: 'They are truly down: go on',
    'override.title': 'Are these hosts truly down?',
    'override.body':
      '{gone, plural, one {This host is} other {These # hosts are}} fenced, by cutting the power where there is a management controller, and the highly available instances are started elsewhere, as far as there is room.',
  },
  de: {
    title: '{gone} von {hosts} Hosts der Zone {name} sind auf einmal verschwunden',
    counts: '{gone} von {hosts} Hosts weg',
    held: 'Die Sturmbremse hält ihn:',
    'held.zone': 'die ganze Zone {name}',
    why: 'Gehen so viele zugleich, liegt es eher am Netz als an ihnen: kein Strom wird abgeschaltet, und nichts wird anderswo gestartet. Das endet von selbst, wenn genug von ihnen zurück sind. Sehen Sie zuerst nach Switches, Routern und dem Strom der Racks.',
    overridden:
      'Ein Betreiber sagte, dass sie wirklich aus sind: sie werden abgeriegelt, und ihre hochverfügbaren Instanzen laufen anderswo.',
    override: 'Sie sind wirklich aus: fortfahren',
    'override.title': 'Sind diese Hosts wirklich aus?',
    'override.body':
      '{gone, plural, one {Dieser Host wird} other {Diese # Hosts werden}} abgeriegelt, wo ein Management-Controller da ist durch Abschalten des Stroms, und die hochverfügbaren Instanzen starten anderswo, soweit Platz ist.',
  },
})

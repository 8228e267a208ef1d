/** Words around plug-ins; what they show themselves they say themselves. */
import { catalogue } from '../text/catalogue.ts'

export const words = catalogue({
  en: {
    title: 'Plug-ins',
    about:
      'Tabs and pages that you add to this UI, each from a folder on the controller. To put one there is to approve what its plugin.json asks for: it may do that, and no more, for whoever looks at it, with their rights.',
    folder: 'Folder',
    no_folder: 'This controller was started without a folder of plug-ins.',
    empty: 'No plug-ins yet',
    'empty.body':
      'Copy one into the folder, such as examples/plug-ins/cost of Croft’s sources: it is there at once, without a restart.',
    reload: 'Read the folder again',
    reloaded: 'The folder of plug-ins was read',
    state: 'State',
    'state.ready': 'ready',
    'state.refused': 'refused',
    version: 'Version',
    adds: 'Adds',
    'adds.tab': '{title}: tab of {noun}',
    'adds.page': '{title}: page',
    routes: 'May call, as the user',
    'routes.none': 'Nothing of the API',
    'routes.changes': 'changes things',
    events: 'Hears of',
    'events.none': 'No events',
    size: 'Size',
    'size.of': '{size} in {n, plural, one {# file} other {# files}}',
    read: 'Read',
    silent: '“{title}” does not answer',
    'silent.body':
      'Its page has not connected. The page may be broken; the operator finds the plug-in {plugin} under Plug-ins.',
    gone: '“{title}” has left its own page, so it was closed. Open it again to go on.',
  },
  de: {
    title: 'Plug-ins',
    about:
      'Reiter und Seiten, die Sie dieser Oberfläche hinzufügen, jedes aus einem Ordner auf dem Controller. Wer eines dort ablegt, genehmigt, worum seine plugin.json bittet: Das darf es, und nicht mehr, für jeden, der es ansieht, mit dessen Rechten.',
    folder: 'Ordner',
    no_folder: 'Dieser Controller wurde ohne Ordner für Plug-ins gestartet.',
    empty: 'Noch keine Plug-ins',
    'empty.body':
      'Kopieren Sie eines in den Ordner, etwa examples/plug-ins/cost aus den Quellen von Croft: Es ist sofort da, ohne Neustart.',
    reload: 'Ordner neu lesen',
    reloaded: 'Der Ordner der Plug-ins wurde gelesen',
    state: 'Zustand',
    'state.ready': 'bereit',
    'state.refused': 'abgelehnt',
    version: 'Version',
    adds: 'Fügt hinzu',
    'adds.tab': '{title}: Reiter bei {noun}',
    'adds.page': '{title}: Seite',
    routes: 'Darf aufrufen, als der Benutzer',
    'routes.none': 'Nichts von der API',
    'routes.changes': 'ändert etwas',
    events: 'Hört von',
    'events.none': 'Keine Ereignisse',
    size: 'Größe',
    'size.of': '{size} in {n, plural, one {# Datei} other {# Dateien}}',
    read: 'Gelesen',
    silent: '„{title}“ antwortet nicht',
    'silent.body':
      'Die Seite hat sich nicht verbunden. Vielleicht ist sie kaputt; der Betreiber findet das Plug-in {plugin} unter Plug-ins.',
    gone: '„{title}“ hat die eigene Seite verlassen und wurde deshalb geschlossen. Öffnen Sie sie neu, um fortzufahren.',
  },
})

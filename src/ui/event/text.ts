/** Words of the page of events. */
import { catalogue } from '../text/catalogue.ts'

export const words = catalogue({
  en: {
    title: 'Events',
    body: 'What has changed, newest first, as it happens.',
    all_projects: 'All projects',
    any: 'Of any kind',
    noun: 'Kind of thing',
    at: 'When',
    what: 'What',
    thing: 'Of what',
    none: 'Nothing has happened that is still kept.',
    older: 'Older ones',
    'noun.setting': 'Setting',
    'noun.scheduler-module': 'Module of the scheduler',
  },
  de: {
    title: 'Ereignisse',
    body: 'Was sich geändert hat, das Neueste zuerst, sobald es geschieht.',
    all_projects: 'Alle Projekte',
    any: 'Aller Art',
    noun: 'Art des Dings',
    at: 'Wann',
    what: 'Was',
    thing: 'Wovon',
    none: 'Es ist nichts geschehen, was noch aufgehoben ist.',
    older: 'Ältere',
    'noun.setting': 'Einstellung',
    'noun.scheduler-module': 'Modul des Schedulers',
  },
})

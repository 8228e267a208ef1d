/** Words about restarts on other hosts. */
import { catalogue } from '../text/catalogue.ts'

export const words = catalogue({
  en: {
    title: 'Restarted because its host was lost',
    'title.host': 'Restarted elsewhere because this host was lost',
    instance: 'Instance',
    at: 'At',
    reason: 'Why',
    outcome: 'Outcome',
    'outcome.open': 'starting',
    'outcome.late': 'not running yet',
    'outcome.running': 'runs',
    'outcome.failed': 'failed there',
    'outcome.no_room': 'no host took it',
    'outcome.given_up': 'given up',
  },
  de: {
    title: 'Neu gestartet, weil ihr Host verloren ging',
    'title.host': 'Anderswo neu gestartet, weil dieser Host verloren ging',
    instance: 'Instanz',
    at: 'Wann',
    reason: 'Warum',
    outcome: 'Ausgang',
    'outcome.open': 'startet',
    'outcome.late': 'läuft noch nicht',
    'outcome.running': 'läuft',
    'outcome.failed': 'dort misslungen',
    'outcome.no_room': 'kein Host dafür',
    'outcome.given_up': 'aufgegeben',
  },
})

/** Words of the list of restarts on other hosts. */
import { catalogue } from '../text/catalogue.ts'

export const words = catalogue({
  en: {
    one: 'Restart after a lost host',
    many: 'Restarts after lost hosts',
    empty:
      'When a host is lost, its highly available instances are started on others. Each such restart is told here, with its reason.',
    begun: 'When',
    instance: 'Instance',
    from: 'Lost host',
    to: 'New host',
    cluster: 'Cluster',
    outcome: 'Outcome',
    overview: 'Overview',
    failure: 'What kept it from running there, or has until now',
    reason: 'Why',
    fenced: 'Surely off by',
    'fenced.ipmi': 'IPMI',
    'fenced.lease': 'its lease',
    'fenced.person': 'somebody’s word',
    'fenced.redfish': 'Redfish',
    lost: 'Last heard of',
    ended: 'Ended',
  },
  de: {
    one: 'Neustart nach Hostverlust',
    many: 'Neustarts nach Hostverlust',
    empty:
      'Geht ein Host verloren, starten seine hochverfügbaren Instanzen auf anderen. Jeder solche Neustart steht hier, mit seinem Grund.',
    begun: 'Wann',
    instance: 'Instanz',
    from: 'Verlorener Host',
    to: 'Neuer Host',
    cluster: 'Cluster',
    outcome: 'Ausgang',
    overview: 'Überblick',
    failure: 'Was es dort am Laufen hinderte oder bis jetzt hindert',
    reason: 'Warum',
    fenced: 'Sicher aus durch',
    'fenced.ipmi': 'IPMI',
    'fenced.lease': 'seine Frist',
    'fenced.person': 'jemandes Wort',
    'fenced.redfish': 'Redfish',
    lost: 'Zuletzt gehört',
    ended: 'Beendet',
  },
})

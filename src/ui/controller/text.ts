/** Words of the list of controllers. */
import { catalogue } from '../text/catalogue.ts'

export const words = catalogue({
  en: {
    one: 'Controller',
    many: 'Controllers',
    empty: 'There is none: who answered this?',
    name: 'Machine',
    state: 'State',
    'state.running': 'runs',
    'state.silent': 'silent',
    version: 'Version',
    hosts: 'Hosts',
    leads: 'Leads',
    'leads.availability': 'lost hosts',
    agent_url: 'Address for hosts',
    silent_from: 'Silent from',
  },
  de: {
    one: 'Controller',
    many: 'Controller',
    empty: 'Es gibt keinen: Wer hat hier geantwortet?',
    name: 'Maschine',
    state: 'Zustand',
    'state.running': 'läuft',
    'state.silent': 'schweigt',
    version: 'Version',
    hosts: 'Hosts',
    leads: 'Führt',
    'leads.availability': 'verlorene Hosts',
    agent_url: 'Adresse für Hosts',
    silent_from: 'Schweigt ab',
  },
})

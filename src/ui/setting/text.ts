/** Words of the page of settings. What each is for comes from the controller, in English; other languages have it here. */
import type { Setting } from '../../api/setting.ts'
import { catalogue } from '../text/catalogue.ts'
import { language } from '../text/language.ts'

export const words = catalogue({
  en: {
    title: 'Settings',
    about: 'What can be adjusted while the cloud runs. A change holds at once, on every controller and host.',
    read_only: 'You may look, but not change: that takes the permission setting.manage.',
    search: 'Look for a setting',
    none: 'No setting is called so',
    all: 'Show all',
    on: 'on',
    off: 'off',
    save: 'Save',
    standard: 'Standard: {value}',
    differs: 'changed',
    changed: '{name} is {value} now',
    reset: 'Back to standard',
    'reset.of': 'Back to standard: {name}',
    updated: 'changed',
    by: 'by',
    between: '{minimum} to {maximum}',
    at_least: 'at least {minimum}',
    'group.instance': 'Instances',
    'group.sign_in': 'Sign-in',
    'group.api': 'API',
    'group.token': 'Tokens',
    'group.image': 'Images',
    'group.event': 'Events',
    'group.operation': 'Operations',
    'group.host': 'Hosts',
    'group.metrics': 'Metrics',
  },
  de: {
    title: 'Einstellungen',
    about:
      'Was sich im laufenden Betrieb einstellen lässt. Eine Änderung gilt sofort, auf jedem Controller und jedem Host.',
    read_only: 'Sie dürfen sehen, aber nicht ändern: das verlangt die Berechtigung setting.manage.',
    search: 'Einstellung suchen',
    none: 'Keine Einstellung heißt so',
    all: 'Alle zeigen',
    on: 'an',
    off: 'aus',
    save: 'Speichern',
    standard: 'Standard: {value}',
    differs: 'geändert',
    changed: '{name} ist jetzt {value}',
    reset: 'Auf Standard zurück',
    'reset.of': 'Auf Standard zurück: {name}',
    updated: 'geändert',
    by: 'von',
    between: '{minimum} bis {maximum}',
    at_least: 'mindestens {minimum}',
    'group.instance': 'Instanzen',
    'group.sign_in': 'Anmeldung',
    'group.api': 'API',
    'group.token': 'Tokens',
    'group.image': 'Images',
    'group.event': 'Ereignisse',
    'group.operation': 'Vorgänge',
    'group.host': 'Hosts',
    'group.metrics': 'Messwerte',
  },
})

const german: Readonly<Record<string, string>> = {
  'instance.recovery_minutes': 'Wie lange eine gelöschte Instanz wiederhergestellt werden kann, in Minuten',
  'instance.stop_timeout_s': 'Wie lange ein Gast herunterfahren darf, ehe er abgeschaltet wird, in Sekunden',
  'instance.cpu_model':
    "CPU-Modell neuer Instanzen: 'host-model', 'host-passthrough', der Name eines Modells oder 'default', wie der Host wählt",
  'sign_in.attempts_max': 'Fehlgeschlagene Anmeldungen, ehe ein Konto eine Weile gesperrt wird',
  'sign_in.lock_minutes': 'Wie lange ein Konto gesperrt bleibt, in Minuten',
  'api.requests_per_s':
    'Anfragen je Sekunde, die ein Aufrufer im Mittel stellen darf, doppelt so viele auf einmal; eine Adresse zehnmal so viele',
  'token.lifetime_minutes': 'Wie lange ein Token aus einer Anmeldung gilt, in Minuten',
  'image.download_private_addresses': 'Ob Images von privaten Adressen und vom Controller selbst geholt werden dürfen',
  'image.bytes_max': 'Größtes Image, das angenommen wird, in Bytes',
  'image.require_signature': 'Ob neue Images eine Signatur eines der Image-Schlüssel tragen müssen',
  'event.keep_days': 'Wie lange Ereignisse aufbewahrt werden, in Tagen',
  'operation.keep_days': 'Wie lange Vorgänge nach ihrem Ende aufbewahrt werden, in Tagen',
  'host.reserved_memory_mib': 'Speicher jedes Hosts, den Instanzen nie bekommen, in MiB',
  'metrics.interval_s': 'Wie oft Hosts sich und ihre Instanzen messen, in Sekunden; 0 für nie',
}

export function summaryOf({ name, summary }: Pick<Setting, 'name' | 'summary'>): string {
  return (language() === 'de' ? german[name] : undefined) ?? summary
}

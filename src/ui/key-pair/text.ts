/** Words of the pages of key pairs. */
import { catalogue } from '../text/catalogue.ts'

export const words = catalogue({
  en: {
    one: 'Key pair',
    many: 'Key pairs',
    create: 'Add key pair',
    empty: 'A key pair is how you sign in to your instances by SSH. Paste your public key, or have a pair made.',
    name: 'Name',
    public_key: 'Public key',
    'public_key.help':
      'One line, as in ~/.ssh/id_ed25519.pub. Left empty, a pair is made here and its private key shown to you once.',
    fingerprint: 'Fingerprint',
    'fingerprint.help': 'The same as ssh-keygen -l shows of your key.',
    created: 'Created',
    delete: 'Delete',
    'delete.title': 'Delete these key pairs?',
    'delete.body': '{names}: new instances cannot be given it any more. Those that have the key keep it.',
    overview: 'Overview',
    private: 'Private key',
    'private.title': 'Save the private key now',
    'private.body':
      'It is shown only here and kept nowhere. Keep it in a file that only you can read: chmod 600 {name}',
    'private.save': 'Save as a file',
    'private.done': 'I have saved it',
    go: 'Go on',
  },
  de: {
    one: 'Schlüsselpaar',
    many: 'Schlüsselpaare',
    create: 'Schlüsselpaar hinzufügen',
    empty:
      'Mit einem Schlüsselpaar melden Sie sich per SSH an Ihren Instanzen an. Fügen Sie Ihren öffentlichen Schlüssel ein, oder lassen Sie ein Paar machen.',
    name: 'Name',
    public_key: 'Öffentlicher Schlüssel',
    'public_key.help':
      'Eine Zeile, wie in ~/.ssh/id_ed25519.pub. Leer gelassen entsteht hier ein Paar, und Sie sehen den privaten Schlüssel einmal.',
    fingerprint: 'Fingerabdruck',
    'fingerprint.help': 'Derselbe, den ssh-keygen -l von Ihrem Schlüssel zeigt.',
    created: 'Angelegt',
    delete: 'Löschen',
    'delete.title': 'Diese Schlüsselpaare löschen?',
    'delete.body': '{names}: neue Instanzen bekommen ihn nicht mehr. Die ihn haben, behalten ihn.',
    overview: 'Überblick',
    private: 'Privater Schlüssel',
    'private.title': 'Sichern Sie jetzt den privaten Schlüssel',
    'private.body':
      'Er wird nur hier gezeigt und nirgends aufbewahrt. Legen Sie ihn in eine Datei, die nur Sie lesen: chmod 600 {name}',
    'private.save': 'Als Datei sichern',
    'private.done': 'Ich habe ihn gesichert',
    go: 'Weiter',
  },
})

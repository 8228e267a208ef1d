/** Words of the pages of image keys. */
import { catalogue } from '../text/catalogue.ts'

export const words = catalogue({
  en: {
    one: 'Image key',
    many: 'Image keys',
    create: 'Trust a key',
    empty:
      'An image key is a public key whose signatures on images count. Images that bear one are verified before use.',
    name: 'Name',
    kind: 'Kind',
    fingerprint: 'Fingerprint (SHA-256)',
    description: 'Description',
    created: 'Created',
    public_key: 'Public key',
    'public_key.help':
      'PEM, as openssl pkey -pubout writes it: Ed25519, ECDSA P-256 or P-384, or RSA of 2048 bits or more.',
    delete: 'Trust no more',
    'delete.title': 'Trust this key no more?',
    'delete.body': '{names}: new images with its signature are refused. Those verified by it stay as they are.',
    overview: 'Overview',
  },
  de: {
    one: 'Image-Schlüssel',
    many: 'Image-Schlüssel',
    create: 'Schlüssel vertrauen',
    empty:
      'Ein Image-Schlüssel ist ein öffentlicher Schlüssel, dessen Signaturen auf Images zählen. Signierte Images werden vor Gebrauch geprüft.',
    name: 'Name',
    kind: 'Art',
    fingerprint: 'Fingerabdruck (SHA-256)',
    description: 'Beschreibung',
    created: 'Angelegt',
    public_key: 'Öffentlicher Schlüssel',
    'public_key.help':
      'PEM, wie openssl pkey -pubout es schreibt: Ed25519, ECDSA P-256 oder P-384, oder RSA ab 2048 Bit.',
    delete: 'Nicht mehr vertrauen',
    'delete.title': 'Diesem Schlüssel nicht mehr vertrauen?',
    'delete.body': '{names}: neue Images mit seiner Signatur werden abgelehnt. Damit geprüfte bleiben, wie sie sind.',
    overview: 'Überblick',
  },
})

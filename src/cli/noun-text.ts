/** A noun as people write it: ha-restart → HA restart. */

const acronyms: Readonly<Record<string, string>> = { api: 'API', bmc: 'BMC', ha: 'HA', ip: 'IP', pci: 'PCI' }

export function nounText(noun: string): string {
  return noun
    .split('-')
    .map(word => acronyms[word] ?? word)
    .join(' ')
}

/** With its article: an instance, a user, an HA restart. */
export function aNoun(noun: string): string {
  const text = nounText(noun)
  // As it is said: "aitch".
  return `${/^(?:HA\b|[aeio])/i.test(text) ? 'an' : 'a'} ${text}`
}

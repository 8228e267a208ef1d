/**
 * The sums, without a page: what an instance costs a month by the price table in plugin.json.
 *
 *   currency   as ISO 4217 has it: EUR
 *   per_month  prices of one vCPU, one GiB of memory, one GiB of disk
 *   flavors    prices of whole flavors by name, in place of their vCPUs and memory; disk comes on top
 *
 * A stopped instance keeps its disk and nothing else, so that is all it costs.
 */

/**
 * @typedef {{ vcpus: number, memory_mib: number, disk_gib: number, ephemeral_gib: number, swap_mib: number }} Size
 * @param {Size & { state: string, flavor: string }} instance
 * @param {{ per_month: { vcpu: number, memory_gib: number, disk_gib: number }, flavors?: Record<string, number> }} prices
 * @returns {{ what: 'flavor' | 'vcpu' | 'memory_gib' | 'disk_gib', count: number, price: number, sum: number }[]}
 */
export function linesOf(instance, prices) {
  const { per_month, flavors = {} } = prices
  const off = instance.state === 'stopped' || instance.state === 'deleted'
  // To the cent, so that the lines shown add up to the sum shown.
  const part = (what, count, price) => ({ what, count, price, sum: Math.round(count * price * 100) / 100 })
  const disk_gib = instance.disk_gib + instance.ephemeral_gib + instance.swap_mib / 1024
  const flat = Object.hasOwn(flavors, instance.flavor)
  const running = flat
    ? [part('flavor', off ? 0 : 1, flavors[instance.flavor])]
    : [
        part('vcpu', off ? 0 : instance.vcpus, per_month.vcpu),
        part('memory_gib', off ? 0 : instance.memory_mib / 1024, per_month.memory_gib),
      ]
  return [...running, part('disk_gib', disk_gib, per_month.disk_gib)]
}

export const sumOf = lines => lines.reduce((sum, line) => sum + line.sum, 0)

/** Numbers as the user's language writes them. */
export function formats({ language, settings }) {
  const { format: money } = new Intl.NumberFormat(language, { style: 'currency', currency: settings.currency })
  const { format: count } = new Intl.NumberFormat(language, { maximumFractionDigits: 1 })
  return { money, count }
}

const texts = {
  flavor: { en: 'Flavor', de: 'Flavor' },
  vcpu: { en: 'vCPUs', de: 'vCPUs' },
  memory_gib: { en: 'Memory, GiB', de: 'Speicher, GiB' },
  disk_gib: { en: 'Disk, GiB', de: 'Platte, GiB' },
  what: { en: 'What', de: 'Was' },
  count: { en: 'Count', de: 'Menge' },
  price: { en: 'Price', de: 'Preis' },
  month: { en: 'A month', de: 'Im Monat' },
  sum: { en: 'In all', de: 'Insgesamt' },
  of: { en: 'Cost a month', de: 'Kosten im Monat' },
  stopped: {
    en: 'Stopped: only its disk is counted.',
    de: 'Gestoppt: Nur die Platte zählt.',
  },
  instance: { en: 'Instance', de: 'Instanz' },
  state: { en: 'State', de: 'Zustand' },
  none: {
    en: 'This project has no instances, so it costs nothing.',
    de: 'Dieses Projekt hat keine Instanzen und kostet daher nichts.',
  },
  project: { en: 'Cost a month of each instance', de: 'Kosten im Monat je Instanz' },
  'state.running': { en: 'running', de: 'läuft' },
  'state.stopped': { en: 'stopped', de: 'gestoppt' },
  'state.starting': { en: 'starting', de: 'startet' },
  'state.stopping': { en: 'stopping', de: 'fährt herunter' },
  failed: { en: 'The instances cannot be read: ', de: 'Die Instanzen können nicht gelesen werden: ' },
}
/** A word that is not known here, such as a rare state, is shown as it is. */
export const textIn = language => key => texts[key]?.[language] ?? texts[key]?.en ?? key.replace(/^state\./, '')

/** An element with its children; text is text, never markup. */
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name)
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value)
  made.append(...children)
  return made
}

/** Rows of cells; those from `numeric_from` on are numbers. */
export function table({ caption, head, rows, foot, numeric_from }) {
  const row = (cells, tag) =>
    element(
      'tr',
      {},
      ...cells.map((cell, n) => {
        const kind = tag === 'th' ? { scope: 'col' } : {}
        return element(tag, { ...kind, ...(n >= numeric_from && { class: 'numeric' }) }, cell)
      }),
    )
  return element(
    'table',
    {},
    element('caption', {}, caption),
    element('thead', {}, row(head, 'th')),
    element('tbody', {}, ...rows.map(cells => row(cells, 'td'))),
    element('tfoot', {}, row(foot, 'td')),
  )
}

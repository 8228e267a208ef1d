/** Only hosts that carry all labels asked for, with these values. */
import type { Filter } from '../filter.ts'

export const labels: Filter = {
  fault: 'labels are missing',
  remedy: 'choose a flavor that asks for other labels, or label a host',
  remedy_elsewhere: 'label a host as its flavor asks',
  applies: asked => Object.keys(asked.labels).length > 0,
  refuses: (host, _, asked) => Object.keys(asked.labels).some(key => host.labels[key] !== asked.labels[key]),
  why: (host, _, asked) => {
    const missing = Object.entries(asked.labels).filter(([key, value]) => host.labels[key] !== value)
    return `lacks the label ${missing.map(pair => pair.join('=')).join(', ')}`
  },
}

/** Only hosts in aggregates whose metadata says all that the flavor asks for; each may be said by another one. */
import type { Filter } from '../filter.ts'
import type { HostSnapshot } from '../snapshot.ts'

export const aggregates: Filter = {
  fault: 'not in the aggregates asked for',
  remedy: 'choose a flavor that asks for other aggregates, or put a host into one',
  remedy_elsewhere: 'put another host into the aggregates that its flavor asks for',
  applies: asked => Object.keys(asked.aggregates ?? {}).length > 0,
  refuses: (host, _, asked) => {
    for (const key in asked.aggregates) if (!says(host, key, asked.aggregates[key])) return true
    return false
  },
  why: (host, _, asked) => {
    const missing = Object.entries(asked.aggregates ?? {}).filter(([key, value]) => !says(host, key, value))
    return `is in no aggregate with ${missing.map(pair => pair.join('=')).join(', ')}`
  },
}

function says(host: HostSnapshot, key: string, value: string | undefined): boolean {
  return host.aggregates.some(one => one.metadata[key] === value)
}

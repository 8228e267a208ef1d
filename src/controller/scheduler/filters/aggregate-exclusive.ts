/** Hosts in an aggregate whose metadata has 'exclusive' = 'true' take only what asks for something that its metadata says. */
import type { Filter } from '../filter.ts'
import type { AggregateSnapshot, HostSnapshot, PlacementAsked } from '../snapshot.ts'

export const aggregateExclusive: Filter = {
  fault: 'kept for flavors that ask for them',
  remedy: 'choose a flavor that may use the hosts kept apart, or add a host',
  remedy_elsewhere: 'add a host that is not kept for others',
  refuses: (host, _, asked) => keeper(host, asked) !== undefined,
  why: (host, _, asked) =>
    `is in the aggregate ${keeper(host, asked)?.name}, which is kept for flavors that ask for it`,
}

/** The aggregate that is kept for something else than what is asked. */
function keeper(host: HostSnapshot, asked: PlacementAsked): AggregateSnapshot | undefined {
  return host.aggregates.find(({ metadata }) => {
    if (metadata.exclusive !== 'true') return false
    return !Object.entries(asked.aggregates ?? {}).some(([key, value]) => metadata[key] === value)
  })
}

/** Hosts in an aggregate whose metadata has 'projects', a list of ids, take instances of these projects alone. */
import type { Filter } from '../filter.ts'
import type { AggregateSnapshot, HostSnapshot, PlacementAsked } from '../snapshot.ts'

export const aggregateProjects: Filter = {
  fault: 'kept for other projects',
  remedy: 'add a host that is not kept for others',
  refuses: (host, _, asked) => keeper(host, asked) !== undefined,
  why: (host, _, asked) => `is in the aggregate ${keeper(host, asked)?.name}, which is kept for other projects`,
}

/** The aggregate that keeps the host from the project that asks. */
function keeper(host: HostSnapshot, { project_id }: PlacementAsked): AggregateSnapshot | undefined {
  return host.aggregates.find(({ metadata: { projects } }) => {
    if (projects === undefined) return false
    return project_id === undefined || !projects.split(/[\s,]+/).includes(project_id)
  })
}

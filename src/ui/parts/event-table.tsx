/** What happened to one thing, newest first; for the events tab of any noun. */
import type { EventNoun } from '../../model/event-nouns.ts'
import { useRead } from '../api/read.ts'
import { routes } from '../api/routes.ts'
import { words } from '../text/shared.ts'
import { Loading } from './loading.tsx'
import { ProblemAlert } from './problem.tsx'
import { SimpleTable } from './simple-table.tsx'
import { Time } from './time.tsx'

const shown_max = 500

export function EventTable({ noun, id }: { noun: EventNoun; id: string }) {
  const { data, error, isPending } = useRead(
    routes.event.list,
    { query: { noun, resource_id: id, latest: true, limit: shown_max } },
    { follows: [noun], of: id },
  )
  if (isPending) return <Loading />
  return (
    <>
      <ProblemAlert error={error} />
      <SimpleTable
        label={words('events')}
        items={data?.items}
        keyOf={one => one.cursor}
        empty={words('events.none')}
        columns={[
          { title: words('events.at'), cell: one => <Time at={one.at} /> },
          { title: words('events.kind'), cell: one => words.maybe(`events.kind.${one.kind}`) ?? one.kind },
          { title: words('events.detail'), cell: one => <code className="croft-small">{detailText(one.detail)}</code> },
        ]}
      />
    </>
  )
}

/** What there is to say of an event besides, such as why. */
export function detailText(detail: unknown): string {
  if (typeof detail !== 'object' || detail === null)
    return detail === null || detail === undefined ? '' : JSON.stringify(detail)
  return Object.entries(detail)
    .map(([key, value]) => `${key}: ${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join(', ')
}

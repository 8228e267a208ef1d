/** What happened to one thing, newest first; for the events tab of any noun. */
import type { Event } from '../../api/event.ts'
import type { EventNoun } from '../../model/event-nouns.ts'
import { useRead } from '../api/read.ts'
import { routes } from '../api/routes.ts'
import { UserName } from '../grant/names.tsx'
import { words } from '../text/shared.ts'
import { Detail, namedIn } from './detail.tsx'
import { Loading } from './loading.tsx'
import { ProblemAlert } from './problem.tsx'
import { SimpleTable } from './simple-table.tsx'
import { Time } from './time.tsx'
import { useNames } from './use-names.ts'

const shown_max = 500

export function EventTable({ noun, id }: { noun: EventNoun; id: string }) {
  const { data, error, isPending } = useRead(
    routes.event.list,
    { query: { noun, resource_id: id, latest: true, limit: shown_max } },
    { follows: [noun], of: id },
  )
  const names = useNames((data?.items ?? []).flatMap(namedIn))
  if (isPending) return <Loading />
  return (
    <>
      <ProblemAlert error={error} />
      <SimpleTable
        label={words('events')}
        items={data?.items}
        keyOf={one => one.cursor}
        empty={words('events.none')}
        stacked
        columns={[
          { title: words('events.at'), cell: one => <Time at={one.at} seconds="recent" /> },
          { title: words('events.kind'), cell: one => words.maybe(`events.kind.${one.kind}`) ?? one.kind },
          { title: words('events.who'), cell: one => <EventUser event={one} /> },
          { title: words('events.detail'), cell: one => <Detail detail={one.detail} names={names} /> },
        ]}
      />
    </>
  )
}

/** Who did it; nobody, where Croft did it by itself. */
export function EventUser({ event: { user_id, user_name } }: { event: Event }) {
  if (!user_id) return <span className="croft-muted">{words('events.by_itself')}</span>
  return <UserName id={user_id} name={user_name} />
}

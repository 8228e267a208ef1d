/** What has changed, newest first; the kind of thing is in the URL. */
import {
  FormSelect,
  FormSelectOption,
  Switch,
  Title,
  Toolbar,
  ToolbarContent,
  ToolbarItem,
} from '@patternfly/react-core'
import { useNavigate, useSearch } from '@tanstack/react-router'
import type { Event } from '../../api/event.ts'
import { eventNouns } from '../../model/event-nouns.ts'
import { routes } from '../api/routes.ts'
import { type Item, labelOf } from '../noun/definition.ts'
import { allNouns, nounNamed } from '../noun/registry.ts'
import { ApiCallButton } from '../parts/api-call.tsx'
import { Detail, namedIn } from '../parts/detail.tsx'
import { EventUser } from '../parts/event-table.tsx'
import { Loading } from '../parts/loading.tsx'
import { LogThing } from '../parts/log-thing.tsx'
import { type Known, toldName } from '../parts/names.ts'
import { Older, useLog } from '../parts/older.tsx'
import { ProblemAlert } from '../parts/problem.tsx'
import { SimpleTable } from '../parts/simple-table.tsx'
import { Time } from '../parts/time.tsx'
import { useNames } from '../parts/use-names.ts'
import { useTitle } from '../parts/use-title.ts'
import { may, useSession } from '../session/session.ts'
import type { Search } from '../shell/router.tsx'
import { words as shared } from '../text/shared.ts'
import { words } from './text.ts'

/** What only the audit log has more of is read there. */
const isChange = (one: Event) => one.noun !== 'audit'

export default function EventsPage() {
  useTitle(words('title'))
  const { noun, all_projects } = useSearch({ strict: false }) as Search
  const query = { latest: true, ...(noun && { noun }), ...(all_projects === 'true' && { all_projects: true }) }
  const { answer, rows } = useLog<Event>(routes.event.list, query, ['*'])
  return (
    <div className="croft-stack">
      <header className="croft-head">
        <Title headingLevel="h1">{words('title')}</Title>
        <div className="croft-head-actions">
          <ApiCallButton calls={() => [{ route: routes.event.list, input: { query } }]} />
        </div>
      </header>
      <p className="croft-muted">{words('body')}</p>
      <Filters noun={noun} all={all_projects === 'true'} />
      <ProblemAlert error={answer.error} onRetry={() => void answer.refetch()} />
      {answer.isPending ? <Loading /> : <Table events={rows.filter(isChange)} />}
      <Older answer={answer} title={words('older')} />
    </div>
  )
}

function Filters({ noun, all }: { noun: string | undefined; all: boolean }) {
  const session = useSession()
  const navigate = useNavigate()
  const go = (next: Record<string, string>) => void navigate({ to: '/events', search: next as Search, replace: true })
  const rest: Record<string, string> = all ? { all_projects: 'true' } : {}
  return (
    <Toolbar className="croft-toolbar">
      <ToolbarContent>
        <ToolbarItem>
          <FormSelect
            aria-label={words('noun')}
            value={noun ?? ''}
            onChange={(_, value) => go({ ...rest, ...(value && { noun: value }) })}
          >
            <FormSelectOption value="" label={words('any')} isPlaceholder />
            {allNouns()
              .filter(one => eventNouns.some(noun => noun === one.name) && may(session, one.list))
              .map(one => (
                <FormSelectOption key={one.name} value={one.name} label={one.title()} />
              ))}
          </FormSelect>
        </ToolbarItem>
        {may(session, { level: 'system', needs: 'event.read' }) && (
          <ToolbarItem alignSelf="center">
            <Switch
              id="all-projects"
              label={words('all_projects')}
              isChecked={all}
              onChange={(_, on) => go({ ...(noun && { noun }), ...(on && { all_projects: 'true' }) })}
            />
          </ToolbarItem>
        )}
      </ToolbarContent>
    </Toolbar>
  )
}

/** What an operation is of, which its events name by its id alone. */
const ofNoun = ({ resource }: Event) => (resource as { noun?: string } | null)?.noun

/** Settings and modules of the scheduler have no id: they are known by name. */
const nil = '00000000-0000-0000-0000-000000000000'

/** As the row itself has it. */
function nameOf({ noun, resource_id, resource_name, resource, detail }: Event): string | null | undefined {
  if (resource_id === nil) return (detail as { name?: string } | null)?.name
  const definition = nounNamed(noun)
  return (
    toldName(definition, resource_name) ?? (resource && definition ? labelOf(definition, resource as Item) : undefined)
  )
}

/** Ids without a name: those in details, and of what is called by something other than a name. */
function idsOf(event: Event): Known[] {
  const is_asked = event.kind !== 'deleted' && event.resource_id !== nil && nameOf(event) === undefined
  const own = is_asked ? [{ noun: event.noun, id: event.resource_id }] : []
  return [...own, ...namedIn({ detail: event.detail, of_noun: ofNoun(event) })]
}

function Table({ events }: { events: readonly Event[] }) {
  const names = useNames(events.flatMap(idsOf))
  return (
    <SimpleTable
      label={words('title')}
      items={events}
      keyOf={one => one.cursor}
      empty={words('none')}
      stacked
      columns={[
        { title: words('at'), cell: one => <Time at={one.at} seconds="recent" /> },
        { title: words('thing'), cell: one => <Thing event={one} names={names} /> },
        { title: words('what'), cell: one => shared.maybe(`events.kind.${one.kind}`) ?? one.kind },
        { title: shared('events.who'), cell: one => <EventUser event={one} /> },
        {
          title: shared('events.detail'),
          cell: one => <Detail detail={one.detail} names={names} of_noun={ofNoun(one)} />,
        },
      ]}
    />
  )
}

function Thing({ event, names }: { event: Event; names: ReturnType<typeof useNames> }) {
  const { noun, kind, resource_id } = event
  const title = nounNamed(noun)?.title() ?? words.maybe(`noun.${noun}`) ?? noun
  const name = nameOf(event) ?? names(noun, resource_id)
  const pageless = kind === 'deleted' || resource_id === nil
  return <LogThing noun={noun} title={title} id={resource_id} name={name} pageless={pageless} />
}

/** Rows of the audit log, newest first, read on as one asks; what anyone does or tries anywhere reads them again. */
import type { AuditRow } from '../../api/audit.ts'
import type { QueryOf } from '../../api/route.ts'
import type { auditRoutes } from '../../api/audit.ts'
import { isUuid } from '../../model/ids.ts'
import { routes } from '../api/routes.ts'
import { UserName } from '../grant/names.tsx'
import { nounAt, nounNamed } from '../noun/registry.ts'
import { Loading } from '../parts/loading.tsx'
import { LogThing } from '../parts/log-thing.tsx'
import { type Known, toldName } from '../parts/names.ts'
import { Older, useLog } from '../parts/older.tsx'
import { ProblemAlert } from '../parts/problem.tsx'
import { SimpleTable } from '../parts/simple-table.tsx'
import { StateLabel } from '../parts/state.tsx'
import { Time } from '../parts/time.tsx'
import { useNames } from '../parts/use-names.ts'
import { words as shared } from '../text/shared.ts'
import { words } from './text.ts'

export type AuditQuery = QueryOf<typeof auditRoutes.list>

export function AuditTable({ query }: { query: AuditQuery }) {
  const { answer, rows } = useLog<AuditRow>(routes.audit.list, query, ['*asked', 'audit'])
  const names = useNames(rows.flatMap(nameless))
  if (answer.isPending) return <Loading />
  return (
    <>
      <ProblemAlert error={answer.error} onRetry={() => void answer.refetch()} />
      <SimpleTable
        label={words('title')}
        items={rows}
        keyOf={one => String(one.seq)}
        empty={words('none')}
        columns={[
          { title: words('at'), cell: one => <Time at={one.at} seconds="recent" /> },
          { title: words('who'), cell: one => <UserName id={one.user_id} name={one.user_name} /> },
          { title: words('action'), cell: one => <Action row={one} /> },
          { title: words('thing'), cell: one => <Thing row={one} names={names} /> },
          { title: words('outcome'), cell: one => <Outcome row={one} /> },
          { title: words('from'), cell: one => <span className="croft-mono">{one.address ?? '–'}</span> },
          { title: words('sealed'), cell: one => <Seal row={one} /> },
        ]}
      />
      <Older answer={answer} title={words('older')} />
    </>
  )
}

/** With what was asked for, of those routes where the log keeps it. */
function Action({ row: { action, detail } }: { row: AuditRow }) {
  if (typeof detail !== 'object' || detail === null) return <code>{action}</code>
  return (
    <>
      <code>{action}</code>
      {Object.entries(detail).map(([name, value]) => (
        <div key={name} className="croft-muted">
          <code>{Array.isArray(value) ? value.join(' ') : String(value)}</code>
        </div>
      ))}
    </>
  )
}

/** Of what a row is: as its path names it before the id (a host, of `/v1/hosts/…/maintenance`); of what was made, as its action is called. */
function nounOf({ action, path, resource_id }: AuditRow): string {
  const parts = path.split('?', 1)[0]?.split('/') ?? []
  const before = parts[parts.indexOf(resource_id ?? '') - 1] ?? ''
  const noun = nounAt(before) ?? nounNamed(before)
  return noun?.name ?? action.split('.', 1)[0] ?? ''
}

const nameOf = (row: AuditRow) => toldName(nounNamed(nounOf(row)), row.resource_name)

/** What is called by something other than a name, such as an address: its row has none. */
function nameless(row: AuditRow): Known[] {
  const { resource_id: id } = row
  return id !== null && isUuid(id) && nameOf(row) === undefined ? [{ noun: nounOf(row), id }] : []
}

function Thing({ row, names }: { row: AuditRow; names: ReturnType<typeof useNames> }) {
  const { action, resource_id } = row
  if (!resource_id) return <>–</>
  if (!isUuid(resource_id)) return <code>{resource_id}</code>
  const noun = nounOf(row)
  const name = nameOf(row) ?? names(noun, resource_id)
  // What was removed keeps its name; of what can be recovered there is a page as long as it has one.
  const gone =
    action.startsWith(`${noun}.`) && (action.endsWith('.remove') || (!name && /\.(delete|purge)$/.test(action)))
  return <LogThing noun={noun} title={nounNamed(noun)?.title() ?? ''} id={resource_id} name={name} pageless={gone} />
}

function Outcome({ row: { outcome, error } }: { row: AuditRow }) {
  const why = error === null ? null : shared.maybe(`error.${error}`)
  if (outcome < 400) return <StateLabel tone="good">{words('done')}</StateLabel>
  return (
    <StateLabel tone="bad" why={error === null ? `HTTP ${outcome}` : `HTTP ${outcome}, ${error}`}>
      {words('refused', { error: why ?? error ?? outcome })}
    </StateLabel>
  )
}

function Seal({ row: { sealed } }: { row: AuditRow }) {
  return sealed ? (
    <StateLabel tone="good">{words('sealed.yes')}</StateLabel>
  ) : (
    <StateLabel tone="busy" why={words('sealed.no.why')}>
      {words('sealed.no')}
    </StateLabel>
  )
}

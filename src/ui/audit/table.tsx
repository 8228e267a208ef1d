/** Rows of the audit log, newest first, read on as one asks; what anyone does or tries anywhere reads them again. */
import type { AuditRow } from '../../api/audit.ts'
import type { QueryOf } from '../../api/route.ts'
import type { auditRoutes } from '../../api/audit.ts'
import { routes } from '../api/routes.ts'
import { UserName } from '../grant/names.tsx'
import { nounAt, nounNamed } from '../noun/registry.ts'
import { ThingLink } from '../parts/link.tsx'
import { Loading } from '../parts/loading.tsx'
import { Older, useLog } from '../parts/older.tsx'
import { ProblemAlert } from '../parts/problem.tsx'
import { SimpleTable } from '../parts/simple-table.tsx'
import { StateLabel } from '../parts/state.tsx'
import { Time } from '../parts/time.tsx'
import { words } from './text.ts'

export type AuditQuery = QueryOf<typeof auditRoutes.list>

export function AuditTable({ query }: { query: AuditQuery }) {
  const { answer, rows } = useLog<AuditRow>(routes.audit.list, query, ['*asked', 'audit'])
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
          { title: words('at'), cell: one => <Time at={one.at} /> },
          { title: words('who'), cell: one => <UserName id={one.user_id} name={one.user_name} /> },
          { title: words('action'), cell: one => <Action row={one} /> },
          { title: words('thing'), cell: one => <Thing row={one} /> },
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

function Thing({ row }: { row: AuditRow }) {
  const { action, resource_id } = row
  if (!resource_id) return <>–</>
  if (!/^[0-9a-f-]{36}$/.test(resource_id)) return <code>{resource_id}</code>
  const short = <code title={resource_id}>{resource_id.slice(-8)}</code>
  // The id is all that the log keeps: the thing may be gone.
  const noun = nounOf(row)
  const gone = /\.(delete|purge|remove)$/.test(action) && action.startsWith(`${noun}.`)
  return gone ? (
    short
  ) : (
    <ThingLink noun={noun} id={resource_id}>
      {short}
    </ThingLink>
  )
}

function Outcome({ row: { outcome, error } }: { row: AuditRow }) {
  if (outcome < 400) return <StateLabel tone="good">{words('done')}</StateLabel>
  return (
    <StateLabel tone="bad" why={`HTTP ${outcome}`}>
      {words('refused', { error: error ?? outcome })}
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

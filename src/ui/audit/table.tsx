/** Rows of the audit log, newest first, read on as one asks; what anyone does or tries anywhere reads them again. */
import type { AuditRow } from '../../api/audit.ts'
import type { QueryOf } from '../../api/route.ts'
import type { auditRoutes } from '../../api/audit.ts'
import { routes } from '../api/routes.ts'
import { UserName } from '../grant/names.tsx'
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
          { title: words('action'), cell: one => <code>{one.action}</code> },
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

function Thing({ row: { action, resource_id } }: { row: AuditRow }) {
  if (!resource_id) return <>–</>
  const short = /^[0-9a-f-]{36}$/.test(resource_id) ? resource_id.slice(-8) : resource_id
  // The id is all that the log keeps: the thing may be gone.
  const noun = action.split('.', 1)[0] ?? ''
  if (!/^[0-9a-f-]{36}$/.test(resource_id) || /\.(delete|purge|remove)$/.test(action)) return <code>{short}</code>
  return (
    <ThingLink noun={noun} id={resource_id}>
      <code title={resource_id}>{short}</code>
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

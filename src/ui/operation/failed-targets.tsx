/** In a notice: for which of its things an operation on several failed, and why; all of them are on its page. */
import type { Operation } from '../../api/operation.ts'
import { useRead } from '../api/read.ts'
import { routes } from '../api/routes.ts'
import { ThingLink } from '../parts/link.tsx'
import { may, useSession } from '../session/session.ts'
import { words as shared } from '../text/shared.ts'
import { words } from './text.ts'

const named_max = 8

export function FailedTargets({ operation: { id, targets, failed, cancelled, reason } }: { operation: Operation }) {
  const outcome = failed > 0 ? 'failed' : 'cancelled'
  const { data } = useRead(
    routes.operation.targets,
    { params: { operation: id }, query: { outcome, limit: named_max } },
    { enabled: may(useSession(), routes.operation.targets) },
  )
  const more = failed + cancelled - (data?.items.length ?? 0)
  return (
    <>
      <p>
        <ThingLink noun="operation" id={id}>
          {words('targets.bad', { n: failed + cancelled, all: targets })}
        </ThingLink>
      </p>
      {data ? (
        <ul className="croft-plain-list">
          {data.items.map(one => (
            <li key={one.resource_id}>
              <ThingLink noun={one.noun} id={one.name === null ? null : one.resource_id}>
                {one.name ?? one.resource_id.slice(-8)}
              </ThingLink>
              : {one.reason ?? shared(`operation.state.${outcome}`)}
            </li>
          ))}
          {more > 0 && <li>{shared('bulk.more', { n: more })}</li>}
        </ul>
      ) : (
        reason && <p>{reason}</p>
      )}
    </>
  )
}

/** Tokens that were made for hosts, looked at and taken back. How one is made: host.ts; what it is good for: host-join.ts. */
import type { HostInvitation, hostInvitationRoutes } from '../../api/host-invitation.ts'
import type { QueryOf } from '../../api/route.ts'
import { notFound } from '../../model/errors.ts'
import type { Cloud } from '../cloud.ts'
import { event } from '../store/event.ts'
import { invitation } from '../store/host-invitation.ts'
import type { Page } from '../store/page.ts'
import { by, type Caller } from './caller.ts'
import { change } from './change.ts'

export function listInvitations(
  cloud: Cloud,
  query: QueryOf<typeof hostInvitationRoutes.list>,
): Promise<Page<HostInvitation>> {
  return invitation.list(cloud.database.db, query)
}

export function takeInvitationBack(cloud: Cloud, caller: Caller, id: string): Promise<null> {
  return change(cloud, caller, async tx => {
    if (!(await invitation.remove(tx, id))) throw notFound('host-invitation', id)
    await event.record(tx, [
      { noun: 'host-invitation', kind: 'deleted', resource_id: id, project_id: null, ...by(caller) },
    ])
    return null
  })
}

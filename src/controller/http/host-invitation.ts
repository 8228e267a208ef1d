import { hostInvitationRoutes } from '../../api/host-invitation.ts'
import { listInvitations, takeInvitationBack } from '../app/host-invitation.ts'
import { answer, handle } from './handle.ts'

export const hostInvitationHandlers = [
  handle(hostInvitationRoutes.list, async ({ cloud, query }) => answer(await listInvitations(cloud, query))),
  handle(hostInvitationRoutes.delete, async ({ cloud, caller, params }) =>
    answer(await takeInvitationBack(cloud, caller, params.host_invitation)),
  ),
]

import { instanceGuestRoutes } from '../../api/instance-guest.ts'
import { readApplications, readGuest, runInGuest } from '../app/instance-guest.ts'
import { answer, handle } from './handle.ts'

export const instanceGuestHandlers = [
  handle(instanceGuestRoutes.guest, async ({ cloud, caller, params }) =>
    answer(await readGuest(cloud, caller, params.instance)),
  ),
  handle(instanceGuestRoutes.guestApplications, async ({ cloud, caller, params }) =>
    answer(await readApplications(cloud, caller, params.instance)),
  ),
  handle(instanceGuestRoutes.exec, async ({ cloud, caller, params, body }) =>
    answer(await runInGuest(cloud, caller, params.instance, body)),
  ),
]

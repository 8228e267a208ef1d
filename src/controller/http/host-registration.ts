import { hostRegistrationRoutes } from '../../api/host-registration.ts'
import {
  approveRegistration,
  getRegistration,
  listRegistrations,
  rejectRegistration,
} from '../app/host-registration.ts'
import { answer, handle } from './handle.ts'

const routes = hostRegistrationRoutes

export const hostRegistrationHandlers = [
  handle(routes.list, async ({ cloud, query }) => answer(await listRegistrations(cloud, query))),
  handle(routes.get, async ({ cloud, params }) => answer(await getRegistration(cloud, params.host_registration))),
  handle(routes.approve, async ({ cloud, caller, params, body }) =>
    answer(await approveRegistration(cloud, caller, params.host_registration, body)),
  ),
  handle(routes.reject, async ({ cloud, caller, params }) =>
    answer(await rejectRegistration(cloud, caller, params.host_registration)),
  ),
]

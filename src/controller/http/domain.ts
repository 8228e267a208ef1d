import { domainRoutes } from '../../api/domain.ts'
import { createDomain, deleteDomain, getDomain, listDomains, updateDomain } from '../app/domain.ts'
import { answer, handle } from './handle.ts'

export const domainHandlers = [
  handle(domainRoutes.list, async ({ cloud, caller, query }) => answer(await listDomains(cloud, caller, query))),
  handle(domainRoutes.get, async ({ cloud, caller, params }) => {
    const found = await getDomain(cloud, caller, params.domain)
    return answer(found, found.version)
  }),
  handle(domainRoutes.create, async ({ cloud, caller, body }) => answer(await createDomain(cloud, caller, body))),
  handle(domainRoutes.update, async ({ cloud, caller, params, body }) => {
    const changed = await updateDomain(cloud, caller, params.domain, body)
    return answer(changed, changed.version)
  }),
  handle(domainRoutes.delete, async ({ cloud, caller, params }) =>
    answer(await deleteDomain(cloud, caller, params.domain)),
  ),
]

import { pciAliasRoutes } from '../../api/pci-alias.ts'
import { createPciAlias, deletePciAlias, getPciAlias, listPciAliases } from '../app/pci-alias.ts'
import { answer, handle } from './handle.ts'

export const pciAliasHandlers = [
  handle(pciAliasRoutes.list, async ({ cloud, query }) => answer(await listPciAliases(cloud, query))),
  handle(pciAliasRoutes.get, async ({ cloud, params }) => answer(await getPciAlias(cloud, params.pci_alias))),
  handle(pciAliasRoutes.create, async ({ cloud, caller, body }) => answer(await createPciAlias(cloud, caller, body))),
  handle(pciAliasRoutes.delete, async ({ cloud, caller, params }) =>
    answer(await deletePciAlias(cloud, caller, params.pci_alias)),
  ),
]

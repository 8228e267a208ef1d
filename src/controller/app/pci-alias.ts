/** Aliases of PCI devices: the operator's word on which devices of hosts guests may have at all. */
import type { PciAlias, pciAliasRoutes } from '../../api/pci-alias.ts'
import type { BodyOf, QueryOf } from '../../api/route.ts'
import { CloudError, notFound } from '../../model/errors.ts'
import type { PciAliasId } from '../../model/ids.ts'
import { type Cloud, makeId } from '../cloud.ts'
import { onConstraint } from '../store/constraint.ts'
import { event } from '../store/event.ts'
import type { Page } from '../store/page.ts'
import { pciAlias } from '../store/pci-alias.ts'
import { by, type Caller } from './caller.ts'
import { change } from './change.ts'

export function listPciAliases(cloud: Cloud, query: QueryOf<typeof pciAliasRoutes.list>): Promise<Page<PciAlias>> {
  return pciAlias.list(cloud.database.db, query)
}

export async function getPciAlias(cloud: Cloud, id: string): Promise<PciAlias> {
  const found = await pciAlias.find(cloud.database.db, id)
  if (!found) throw notFound('PCI alias', id)
  return found
}

export function createPciAlias(
  cloud: Cloud,
  caller: Caller,
  asked: BodyOf<typeof pciAliasRoutes.create>,
): Promise<PciAlias> {
  const { name, vendor, device, class: kind, is_nic = false, description = '' } = asked
  if (vendor === undefined && device === undefined && kind === undefined) {
    throw new CloudError('invalid', 'Which devices are meant? Name vendor, device or class, as lspci -nn shows them.')
  }
  const plain = (text: string | undefined) => text?.toLowerCase().replace(/^0x/, '') ?? null
  const id = makeId<PciAliasId>(cloud)
  const made = { id, name, vendor: plain(vendor), device: plain(device), class: plain(kind), is_nic, description }
  return change(cloud, caller, async tx => {
    const created = await onConstraint(pciAlias.insert(tx, made), {
      pci_alias_name_key: () =>
        new CloudError('name_taken', `There is a PCI alias '${name}' already. Choose another name.`),
    })
    await event.record(tx, [{ noun: 'pci-alias', kind: 'created', resource_id: id, project_id: null, ...by(caller) }])
    return created
  })
}

export function deletePciAlias(cloud: Cloud, caller: Caller, id: string): Promise<null> {
  return change(cloud, caller, async tx => {
    if (!(await pciAlias.remove(tx, id))) throw notFound('PCI alias', id)
    await event.record(tx, [{ noun: 'pci-alias', kind: 'deleted', resource_id: id, project_id: null, ...by(caller) }])
    return null
  })
}

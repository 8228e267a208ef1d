/** Aliases of PCI devices: the names by which flavors ask for devices of hosts (property `pci`). */
import Type, { type Static } from 'typebox'
import { closed, Description, Name, notAnId, nullable, page, pageQuery, Time, Uuid } from './common.ts'
import { route } from './route.ts'

const AliasName = Type.String({
  pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$',
  title: 'Letters, digits and ._-, beginning with a letter or digit',
  description: 'As flavors name it',
})
const Hex = (description: string) =>
  Type.String({ pattern: '^(0x)?[0-9a-fA-F]{4}$', title: 'Four hexadecimal digits', description })
const Class = Type.String({
  pattern: '^(0x)?[0-9a-fA-F]{2,6}$',
  description: 'Beginning of the class code: 03 is every display, 0302 a 3D controller',
})

export const PciAlias = closed({
  id: Uuid,
  name: AliasName,
  vendor: nullable(Type.String()),
  device: nullable(Type.String()),
  class: nullable(Type.String()),
  is_nic: Type.Boolean({
    description:
      "Each is the NIC of one of the instance's ports, the last ports first, with its MAC. Only virtual functions (SR-IOV) are given by it, no whole cards",
  }),
  description: Description,
  created_at: Time,
})
export type PciAlias = Static<typeof PciAlias>

const params = closed({ pci_alias: Uuid })

export const pciAliasRoutes = {
  list: route({
    name: 'pci-alias.list',
    method: 'GET',
    path: '/v1/pci-aliases',
    summary: 'Kinds of PCI devices that flavors may ask for',
    level: 'system',
    needs: 'topology.read',
    query: closed({ ...pageQuery, name: Type.Optional(Name) }),
    status: 200,
    reply: page(PciAlias),
    errors: [],
    cli: { columns: ['name', 'vendor', 'device', 'class', 'is_nic', 'id'] },
  }),
  get: route({
    name: 'pci-alias.get',
    method: 'GET',
    path: '/v1/pci-aliases/:pci_alias',
    summary: 'One kind of PCI devices',
    level: 'system',
    needs: 'topology.read',
    params,
    status: 200,
    reply: PciAlias,
    errors: ['not_found'],
  }),
  create: route({
    name: 'pci-alias.create',
    method: 'POST',
    path: '/v1/pci-aliases',
    summary: 'Allow devices of a kind to be given to instances, under a name',
    level: 'system',
    needs: 'topology.manage',
    body: closed({
      name: Type.String({ ...AliasName, not: notAnId }),
      vendor: Type.Optional(Hex('PCI vendor, as 10de')),
      device: Type.Optional(Hex('PCI device, as 2235')),
      class: Type.Optional(Class),
      is_nic: Type.Optional(PciAlias.properties.is_nic),
      description: Type.Optional(Description),
    }),
    status: 201,
    reply: PciAlias,
    errors: ['name_taken', 'invalid'],
    cli: { positional: ['name'] },
  }),
  delete: route({
    name: 'pci-alias.delete',
    method: 'DELETE',
    path: '/v1/pci-aliases/:pci_alias',
    summary: 'No more devices are given under this name; instances keep those that they have',
    level: 'system',
    needs: 'topology.manage',
    params,
    status: 204,
    errors: ['not_found'],
  }),
}

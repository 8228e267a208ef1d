/**
 * Requests made from the contract itself: for each route a body that its shape takes, and for each id that a body can
 * name, one that names somebody else's thing. What cannot be derived stands in a table by the route's name.
 */
import type { Route } from '../../../../src/api/route.ts'

/** Ids by what they are of, in the spelling of path parameters: 'instance', 'security_group', … */
export type Things = Readonly<Record<string, string>>

interface Shape {
  type?: string
  format?: string
  enum?: string[]
  minimum?: number
  items?: Shape
  anyOf?: Shape[]
  properties?: Record<string, Shape>
  required?: string[]
}

/** Fields that are not called after what they name. */
const fieldNouns: Readonly<Record<string, string>> = {
  external_network: 'network',
  remote_group: 'security_group',
  default_project: 'project',
  parent: 'domain',
  replaces_host: 'host',
  host_id: 'host',
  project_id: 'project',
  group: 'instance_group',
  different_from: 'instance',
  same_a: 'instance',
}

/** The thing that a field such as 'network_id' or 'security_groups' names. */
export function thingOf(field: string): string {
  const noun = field.replace(/(_id|s)$/, '')
  return fieldNouns[noun] ?? noun
}

function idShape(shape: Shape): boolean {
  return shape.format === 'uuid' || (shape.anyOf?.some(idShape) ?? false)
}

function valueOf(field: string, shape: Shape, things: Things): unknown {
  if (idShape(shape)) return things[thingOf(field)]
  if (shape.enum) return shape.enum[0]
  switch (shape.type) {
    case 'integer':
    case 'number':
      return Math.max(1, shape.minimum ?? 1)
    case 'boolean':
      return true
    case 'array':
      return []
    case 'object':
      return minimal(shape, things)
    default:
      return 'some-words'
  }
}

function minimal(shape: Shape, things: Things): Record<string, unknown> {
  const fields = shape.required ?? []
  return Object.fromEntries(fields.map(field => [field, valueOf(field, shape.properties?.[field] ?? {}, things)]))
}

/** What no shape tells: values with a form of their own, and fields that go together. */
const byRoute: Readonly<Record<string, Record<string, unknown>>> = {
  'subnet.create': { cidr: '10.77.0.0/24' },
  'setting.set': { value: 5 },
  'role-grant.create': { role: 'reader', scope: 'system' },
  'floating-ip.create': {},
  'pci-alias.create': { vendor: '10de' },
  'security-group.check': { protocol: 'tcp', destination_port: 22, remote_address: '192.0.2.1', security_groups: [] },
}

const newInstances = (theirs: Things, own: Things) => [
  ...[{ group_id: theirs.instance_group }, { same_as: [theirs.instance] }, { different_from: [theirs.instance] }].map(
    one => ({ name: 'vm', flavor_id: own.flavor, image_id: own.image, ...one }),
  ),
  { name: 'vm', flavor_id: own.flavor, image_id: theirs.image },
  { name: 'vm', flavor_id: own.flavor, boot_volume_id: theirs.volume },
  ...[{ network_id: theirs.network }, { network_id: own.network, security_groups: [theirs.security_group] }].map(
    one => ({ name: 'vm', flavor_id: own.flavor, image_id: own.image, networks: [one] }),
  ),
]

/** Whole variants, where one field asks for another. */
const variantsByRoute: Readonly<Record<string, (theirs: Things, own: Things) => Record<string, unknown>[]>> = {
  'role-grant.create': (theirs, own) => [
    { user_id: theirs.user, role: 'reader', scope: 'project', project_id: own.project },
    { user_id: own.user, role: 'reader', scope: 'project', project_id: theirs.project },
    { user_id: own.user, role: 'reader', scope: 'domain', domain_id: theirs.domain },
  ],
  // It starts from exactly one thing.
  'instance.create': newInstances,
  'instance.plan': newInstances,
  'instance.console': theirs => [{ kind: 'spice', viewer_id: theirs.console }],
  // To name another's project is what sharing is for.
  'image.share': () => [],
  'session.project': theirs => [{ project: theirs.project }],
  'api-key.create': theirs => [{ name: 'key', project: theirs.project }],
}

/** Fields that name what all may use. */
const shared = new Set(['flavor', 'region', 'zone', 'host', 'cluster', 'aggregate', 'role', 'pci_alias'])

export function bodyOf(route: Route, own: Things): Record<string, unknown> | undefined {
  if (!route.body) return undefined
  return { ...minimal(route.body, own), ...byRoute[route.name] }
}

/** Bodies good in all but one field, which names something of somebody else's. */
export function intrusions(route: Route, theirs: Things, own: Things): { field: string; body: object }[] {
  const whole = variantsByRoute[route.name]
  if (whole) return whole(theirs, own).map((body, n) => ({ field: `variant ${n + 1}`, body }))
  const good = bodyOf(route, own)
  if (!route.body || !good) return []
  return within(route.body, good, theirs, own)
}

function within(shape: Shape, good: object, theirs: Things, own: Things): { field: string; body: object }[] {
  return Object.entries(shape.properties ?? {}).flatMap(([field, inner]) => {
    const noun = thingOf(field)
    const named = (value: unknown) => {
      if (theirs[noun] === undefined) throw new Error(`the field ${field} names a ${noun}: add one to things.ts`)
      return { field, body: { ...good, [field]: value } }
    }
    if (shared.has(noun)) return []
    if (idShape(inner)) return [named(theirs[noun])]
    if (inner.items && idShape(inner.items)) return [named([theirs[noun]])]
    if (inner.type !== 'array' || !inner.items?.properties) return []
    const { items } = inner
    return within(items, minimal(items, own), theirs, own).map(one => ({
      field: `${field}.${one.field}`,
      body: { ...good, [field]: [one.body] },
    }))
  })
}

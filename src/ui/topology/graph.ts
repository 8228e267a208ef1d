/**
 * From networks, routers and instances to a graph of boxes and lines: pure. Instances that are on the same networks share a box, so
 * that three hundred are as readable as five. Not its job: where boxes stand (layout.ts), how they look (nodes.tsx).
 */
import type { Instance } from '../../api/instance.ts'
import type { Network } from '../../api/network.ts'
import type { Router } from '../../api/router.ts'
import type { Subnet } from '../../api/subnet.ts'

export interface Things {
  networks: readonly Network[]
  subnets: readonly Subnet[]
  routers: readonly Router[]
  instances: readonly Instance[]
}

export type Box =
  | { id: string; kind: 'network'; network: Network; subnets: readonly Subnet[] }
  | { id: string; kind: 'router'; router: Router }
  | { id: string; kind: 'instances'; networks: readonly Network[]; instances: readonly Instance[]; expanded: boolean }

export interface Line {
  id: string
  from: string
  to: string
  /** Such as the router's address there. */
  label: string
}

export interface Graph {
  boxes: readonly Box[]
  lines: readonly Line[]
}

/** Beyond this a box of instances shows how many there are of each state, and those that need a look. */
export const shown_max = 24

export function graphOf({ networks, subnets, routers, instances }: Things, expanded: ReadonlySet<string>): Graph {
  const known = new Map(networks.map(one => [one.id, one]))
  const network_of_subnet = new Map(subnets.map(one => [one.id, one.network_id]))
  const boxes: Box[] = networks.map(network => ({
    id: network.id,
    kind: 'network',
    network,
    subnets: subnets.filter(one => one.network_id === network.id),
  }))
  const lines: Line[] = []
  for (const router of routers) {
    boxes.push({ id: router.id, kind: 'router', router })
    const outside = router.external_network_id
    if (outside && known.has(outside))
      lines.push({
        id: `${outside} ${router.id}`,
        from: outside,
        to: router.id,
        label: router.external_addresses[0] ?? '',
      })
    for (const { subnet_id, address } of router.interfaces) {
      const network = network_of_subnet.get(subnet_id)
      if (network && known.has(network))
        lines.push({ id: `${router.id} ${subnet_id}`, from: router.id, to: network, label: address })
    }
  }
  for (const [key, group] of Map.groupBy(instances, one => networksOf(one, known).join(' '))) {
    const on = key.split(' ').flatMap(id => known.get(id) ?? [])
    if (on.length === 0) continue
    const id = `on ${key}`
    boxes.push({ id, kind: 'instances', networks: on, instances: group, expanded: expanded.has(id) })
    for (const network of on) lines.push({ id: `${network.id} ${id}`, from: network.id, to: id, label: '' })
  }
  return { boxes, lines }
}

/** Ids of the networks that an instance is on, each once, in order. */
function networksOf({ addresses }: Instance, known: ReadonlyMap<string, unknown>): string[] {
  return [...new Set(addresses.map(one => one.network_id))].filter(id => known.has(id)).sort()
}

/** What of a box of instances is drawn one by one: all of few; of many those that something is wrong with. */
export function drawn({
  instances,
  expanded,
}: Pick<Box & { kind: 'instances' }, 'instances' | 'expanded'>): readonly Instance[] {
  if (expanded || instances.length <= shown_max) return instances
  return instances.filter(one => one.state === 'error' || one.state === 'unknown').slice(0, shown_max / 2)
}

/** Chips side by side in a box of instances. */
export function columnsFor(count: number): number {
  return count <= 4 ? 1 : count <= 16 ? 2 : count <= 60 ? 4 : 8
}

export const chip = { width: 168, height: 46 }

/** Of a collapsed box each instance is a dot of its state's colour; with its gap. */
const dot_size = 10
/** Dots side by side in the narrowest box that collapses. */
const dots_per_row = 34
export const dots_max = 680

export function sizeOf(box: Box): { width: number; height: number } {
  if (box.kind === 'network') return { width: 220, height: 56 + 20 * Math.max(1, Math.min(4, box.subnets.length)) }
  if (box.kind === 'router') return { width: 190, height: 62 }
  const count = drawn(box).length
  const collapses = box.instances.length > shown_max
  const columns = columnsFor(count)
  const rows = Math.ceil(count / columns)
  return {
    width: Math.max(collapses ? 2 : 1, columns) * (chip.width + 8) + 16,
    height: 40 + rows * (chip.height + 6) + (collapses ? 48 + dotRows(box) * dot_size : 0),
  }
}

function dotRows({ instances, expanded }: Pick<Box & { kind: 'instances' }, 'instances' | 'expanded'>): number {
  return expanded ? 0 : Math.ceil(Math.min(dots_max, instances.length) / dots_per_row)
}

/**
 * Fits a guest's NUMA nodes, CPUs of its own, pages and devices onto what one host has left of them. Pure: from values to an
 * assignment, or to why there is none. Not its job: choosing among hosts, and totals of vCPUs and memory.
 *
 * Each of the guest's nodes goes onto another node of the host, whole. The search over them is exact up to `tries_max` ways.
 */
import {
  type AssignedCell,
  type AssignedHardware,
  type GuestCell,
  type Hardware,
  noHardware,
} from '../../model/hardware.ts'
import { type FreeCpus, freeCpusOf, pickCpus } from './cpu-pick.ts'
import { pickDevices } from './device-pick.ts'

export interface HostNode {
  readonly node: number
  readonly cpus: readonly number[]
  /** In usual pages: without what is set aside as huge ones. */
  readonly memory_mib: number
  readonly pages: readonly { readonly size_kib: number; readonly total: number }[]
}

export interface HostDevice {
  readonly address: string
  readonly node: number | null
  /** Those of one group go to one guest: nothing keeps them apart. */
  readonly group: string | null
  readonly aliases: readonly string[]
}

/** What of a host has been given out by name or number. */
export interface Taken {
  readonly cpus: readonly number[]
  readonly cells: readonly {
    readonly node: number
    readonly page_size_kib: number | null
    readonly memory_mib: number
  }[]
  readonly devices: readonly string[]
}

export interface HostHardware {
  readonly nodes: readonly HostNode[]
  /** CPUs that are threads of one core, each CPU once. */
  readonly cores: readonly (readonly number[])[]
  /** For the host itself and for guests that share: nobody's own. */
  readonly kept_cpus: readonly number[]
  readonly devices: readonly HostDevice[]
  /** Aliases of ports' NICs that match what is no virtual function there, and so is not given. Absent: none. */
  readonly whole_cards?: readonly string[]
  readonly taken: Taken
}

/** What guests can have there, any number of them. */
export interface Capable {
  readonly cpu_models: readonly string[] | null
  /** Of their machines: uefi, secure_boot, tpm. Null: it has not told. */
  readonly features: readonly string[] | null
}

export const nothingTaken: Taken = { cpus: [], cells: [], devices: [] }

export type HardwareAsked = Pick<Hardware, 'cpu_policy' | 'threads' | 'cells' | 'page_size' | 'pci' | 'pci_near'>

export type Fit =
  | { readonly assigned: AssignedHardware; readonly why?: undefined }
  | { readonly why: string; readonly assigned?: undefined }

/** Ways of putting guest nodes onto host nodes that are looked at. */
const tries_max = 10_000

/** What is taken once this has been given out as well. */
export function withTaken(taken: Taken, given: AssignedHardware): Taken {
  const cells = given.cells.map(({ host_node, memory_mib }) => ({
    node: host_node,
    page_size_kib: given.page_size_kib,
    memory_mib,
  }))
  return {
    cpus: [...taken.cpus, ...given.cells.flatMap(cell => cell.cpus), ...given.idle_cpus],
    cells: [...taken.cells, ...cells],
    devices: [...taken.devices, ...given.pci.map(one => one.address)],
  }
}

/** CPUs taken for good from those that share. */
export function cpusTaken({ cells, idle_cpus }: Pick<AssignedHardware, 'cells' | 'idle_cpus'>): number {
  return cells.reduce((sum, cell) => sum + cell.cpus.length, idle_cpus.length)
}

/** How many pages of a size a node has left. */
export function freePages(host: HostHardware, { node, pages }: HostNode, size_kib: number): number {
  const total = pages.find(one => one.size_kib === size_kib)?.total ?? 0
  return total - Math.ceil((takenMib(host, node, size_kib) * 1024) / size_kib)
}

function takenMib({ taken }: HostHardware, node: number, size_kib: number | null): number {
  return taken.cells.reduce(
    (sum, cell) => (cell.node === node && cell.page_size_kib === size_kib ? sum + cell.memory_mib : sum),
    0,
  )
}

/** Sizes to be tried, the best first; null: usual pages. */
export function pageSizes(host: HostHardware, { page_size, cells }: HardwareAsked): (number | null)[] {
  if (page_size === 'small') return [null]
  if (typeof page_size === 'number') return [page_size]
  const there = new Set(host.nodes.flatMap(one => one.pages.flatMap(each => (each.total > 0 ? each.size_kib : []))))
  const even = [...there].filter(size_kib => cells.every(cell => (cell.memory_mib * 1024) % size_kib === 0))
  const large = even.sort((a, b) => b - a)
  return page_size === 'any' ? [...large, null] : large
}

export function fitHardware(host: HostHardware, asked: HardwareAsked): Fit {
  if (asked.cells.length === 0) {
    const pci = pickDevices(host, asked.pci, null)
    return pci ? { assigned: { ...noHardware, pci } } : { why: lacksDevices(asked) }
  }
  if (asked.cells.length > host.nodes.length) {
    return { why: `has ${host.nodes.length} NUMA nodes, the guest needs ${asked.cells.length}` }
  }
  const free = freeCpusOf(host)
  let why = 'has no huge pages of a size that fits'
  for (const page_size_kib of pageSizes(host, asked)) {
    const found = new Search(host, asked, page_size_kib, free).run()
    if (found.why === undefined) return found
    why = found.why
  }
  return { why }
}

/** What was found last for a host as it stood. */
const found = new WeakMap<HostHardware, { asked: HardwareAsked; fit: Fit }>()

/** As fitHardware, once for each that is asked of a host as it stands: several filters want to know, and a search costs more than they do. */
export function fitOnce(host: HostHardware, asked: HardwareAsked): Fit {
  const known = found.get(host)
  if (known?.asked === asked) return known.fit
  const fit = fitHardware(host, asked)
  found.set(host, { asked, fit })
  return fit
}

/** As fitHardware, for one that has these devices there already: they stay its own, whatever else is said of them. */
export function fitBeside(host: HostHardware, asked: HardwareAsked, has: AssignedHardware['pci']): Fit {
  if (has.length === 0) return fitHardware(host, asked)
  const own = new Map(has.map(one => [one.address, one]))
  const nodes = new Map(host.devices.map(one => [one.address, one.node]))
  // Each is asked for by its address, which no other device answers to.
  const kept = has.map(({ address }) => ({
    address,
    node: nodes.get(address) ?? null,
    group: null,
    aliases: [address],
  }))
  const pci = asked.pci.flatMap(({ alias, count }) => {
    const mine = has.filter(one => one.alias === alias).slice(0, count)
    const named = mine.map(({ address }) => ({ alias: address, count: 1 }))
    return mine.length < count ? [...named, { alias, count: count - mine.length }] : named
  })
  const devices = [...host.devices.filter(one => !own.has(one.address)), ...kept]
  const taken = { ...host.taken, devices: host.taken.devices.filter(address => !own.has(address)) }
  const fit = fitHardware({ ...host, devices, taken }, { ...asked, pci })
  if (fit.why !== undefined) return fit
  return { assigned: { ...fit.assigned, pci: fit.assigned.pci.map(one => own.get(one.address) ?? one) } }
}

function lacksDevices({ pci, pci_near }: HardwareAsked): string {
  const names = pci.map(({ alias, count }) => (count === 1 ? alias : `${count} ${alias}`)).join(', ')
  return `has not ${names} free${pci_near ? ' near the guest’s NUMA nodes' : ''}`
}

/** A cell of the guest on a node of the host: how, or why not. */
type Option = { cell: AssignedCell; idle: number[]; why?: undefined } | { why: string }

class Search {
  private readonly options: Option[][]
  private readonly order: number[]
  private tries = 0
  private best: { assigned: AssignedHardware; near: number } | null = null

  private readonly host: HostHardware
  private readonly asked: HardwareAsked
  private readonly page_size_kib: number | null

  constructor(host: HostHardware, asked: HardwareAsked, page_size_kib: number | null, free: FreeCpus) {
    this.host = host
    this.asked = asked
    this.page_size_kib = page_size_kib
    this.options = asked.cells.map(cell => host.nodes.map(node => this.optionOf(cell, node, free)))
    const roomOf = (n: number) => free.on(host.nodes[n]?.cpus ?? []).length
    // Fullest first: what is whole stays whole, for a guest that needs it.
    this.order = host.nodes.map((_, n) => n).sort((a, b) => roomOf(a) - roomOf(b) || a - b)
  }

  private optionOf(cell: GuestCell, node: HostNode, free: FreeCpus): Option {
    const { cpu_policy, threads } = this.asked
    const memory = this.lacksMemory(cell, node)
    if (memory !== null) return { why: memory }
    const { vcpus, memory_mib } = cell
    if (cpu_policy === 'shared') {
      const shared = node.cpus.filter(cpu => !free.taken.has(cpu)).length
      if (vcpus.length > shared) return { why: `${vcpus.length} CPUs in a NUMA node, ${shared} of one are shared` }
      return { cell: { vcpus, memory_mib, host_node: node.node, cpus: [] }, idle: [] }
    }
    const picked = pickCpus(free, node.cpus, vcpus.length, threads)
    if (picked.why !== undefined) return picked
    return { cell: { vcpus, memory_mib, host_node: node.node, cpus: picked.cpus }, idle: picked.idle }
  }

  private lacksMemory({ memory_mib }: GuestCell, node: HostNode): string | null {
    const size_kib = this.page_size_kib
    if (size_kib === null) {
      const free_mib = node.memory_mib - takenMib(this.host, node.node, null)
      return memory_mib <= free_mib
        ? null
        : `${memory_mib} MiB in a NUMA node, ${Math.max(0, free_mib)} of one are free`
    }
    const needs = Math.ceil((memory_mib * 1024) / size_kib)
    const free = freePages(this.host, node, size_kib)
    return needs <= free
      ? null
      : `${needs} pages of ${size_kib} KiB in a NUMA node, ${Math.max(0, free)} of one are free`
  }

  run(): Fit {
    this.place(0, [], [])
    if (this.best) return { assigned: this.best.assigned }
    const hopeless = this.options.find(each => each.every(option => option.why !== undefined))
    if (hopeless) return { why: `needs ${nearest(hopeless)}` }
    if (this.asked.pci.length > 0) return { why: lacksDevices(this.asked) }
    return { why: 'its NUMA nodes have room for each of the guest’s, but not for all at once' }
  }

  /** True: nothing better is to be found. */
  private place(n: number, chosen: Extract<Option, { cell: AssignedCell }>[], used: number[]): boolean {
    if (this.tries++ > tries_max) return true
    if (n === this.options.length) return this.finish(chosen)
    for (const at of this.order) {
      const option = this.options[n]?.[at]
      if (used.includes(at) || option === undefined || option.why !== undefined) continue
      if (this.place(n + 1, [...chosen, option], [...used, at])) return true
    }
    return false
  }

  private finish(chosen: readonly Extract<Option, { cell: AssignedCell }>[]): boolean {
    const cells = chosen.map(one => one.cell)
    const nodes = new Set(cells.map(cell => cell.host_node))
    const { pci: asked, pci_near } = this.asked
    const pci = pickDevices(this.host, asked, nodes, pci_near)
    if (!pci) return false
    const nodeOf = new Map(this.host.devices.map(one => [one.address, one.node]))
    const near = pci.filter(one => nodes.has(nodeOf.get(one.address) ?? -1)).length
    if (this.best && near <= this.best.near) return false
    const idle_cpus = chosen.flatMap(one => one.idle).sort((a, b) => a - b)
    this.best = { assigned: { cells, page_size_kib: this.page_size_kib, idle_cpus, pci }, near }
    return near === pci.length
  }
}

/** Of the nodes that cannot take a cell, what the last one in line lacks: they all lack something. */
function nearest(options: readonly Option[]): string {
  return options.at(-1)?.why ?? ''
}

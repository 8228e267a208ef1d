/**
 * Reads what flavors and images ask of hardware from their properties, and refuses what cannot be. Pure. The keys and their values
 * are described for operators in docs/hardware.md. Keys that are none of these prefixes are nobody's business here.
 */
import { libvirtFlag } from './cpu-flags.ts'
import {
  type CpuTopology,
  cpuPolicies,
  firmwares,
  type GuestCell,
  type Hardware,
  type PageSize,
  type PciRequest,
  plainHardware,
  threadPolicies,
} from './hardware.ts'
import { limits } from './limits.ts'
import { vcpusText } from './words.ts'

export type Properties = Readonly<Record<string, string>>

/** A property that cannot be: a sentence that names it, and says what would do. */
export class BadHardware extends Error {}

/** Keys begin so; a key that does and is not known is a mistake of who wrote it. */
const prefix = /^(?:cpu|numa|memory|pci|firmware|secure_boot|tpm)(?:\.|$)/
const known = new Set([
  'cpu.policy',
  'cpu.threads',
  'cpu.model',
  'cpu.flags.required',
  'cpu.flags.forbidden',
  'cpu.topology',
  'cpu.max',
  'memory.page_size',
  'memory.max_mib',
  'numa.nodes',
  'pci',
  'pci.numa',
  'firmware',
  'secure_boot',
  'tpm',
])
const cellKey = /^numa\.(\d{1,2})\.(cpus|memory_mib)$/

/** What an image may bring by itself: it takes nothing of a host that others could not have as well. */
const fromImages = /^(?:cpu\.(?:model|topology|flags\.required|flags\.forbidden)|numa\..*|firmware|secure_boot|tpm)$/
/** Lists of both count. */
const lists = new Set(['cpu.flags.required', 'cpu.flags.forbidden'])

const cells_max = 16
const slots_max = 16
const pages_kib: Readonly<Record<string, number>> = { '2mib': 2048, '1gib': 1024 * 1024, '16mib': 16_384, '64kib': 64 }

/** The keys among these that ask for hardware. */
export function hardwareProperties(properties: Properties): Properties {
  return Object.fromEntries(Object.entries(properties).filter(([key]) => prefix.test(key)))
}

/**
 * What flavor and image ask together. Throws BadHardware where they contradict each other, and where the image wants what only a
 * flavor can give (CPUs of one's own, huge pages, devices: who runs the cloud decides who gets those).
 */
export function mergedProperties(flavor: Properties, image: Properties): Properties {
  const merged: Record<string, string> = { ...hardwareProperties(flavor) }
  for (const [key, value] of Object.entries(hardwareProperties(image))) {
    const own = merged[key]
    if (own === undefined) {
      if (!fromImages.test(key) && value !== 'shared' && value !== 'small') {
        throw new BadHardware(
          `The image wants ${key}=${value}, which only a flavor can give. Choose a flavor that has it.`,
        )
      }
      merged[key] = value
    } else if (lists.has(key)) {
      merged[key] = `${own},${value}`
    } else if (own !== value && !(key === 'memory.page_size' && (own === 'large' || own === 'any'))) {
      throw new BadHardware(`The image wants ${key}=${value}, the flavor has ${own}. Choose another flavor, or image.`)
    } else {
      merged[key] = value
    }
  }
  checkArchitecture(merged, image['architecture'])
  return merged
}

function checkArchitecture({ firmware, secure_boot }: Properties, architecture: string | undefined): void {
  if (architecture !== 'aarch64') return
  if (firmware === 'bios') throw new BadHardware('firmware=bios is for x86_64: machines of aarch64 have UEFI alone.')
  if (secure_boot === 'true') {
    throw new BadHardware('secure_boot=true is for x86_64: there is no firmware of aarch64 for it here.')
  }
}

/** Null when nothing special is asked for. Throws BadHardware. */
export function readHardware(all: Properties, size: { vcpus: number; memory_mib: number }): Hardware | null {
  const properties = hardwareProperties(all)
  if (Object.keys(properties).length === 0) return null
  const unknown = Object.keys(properties).find(key => !known.has(key) && !cellKey.test(key))
  if (unknown !== undefined) {
    throw new BadHardware(
      `There is no property ${unknown}. Known are ${[...known, 'numa.N.cpus', 'numa.N.memory_mib'].join(', ')}.`,
    )
  }
  const vcpus_max = count(properties, 'cpu.max', size.vcpus, limits.vcpus_max)
  const read: Hardware = {
    ...plainHardware,
    cpu_policy: oneOf(properties, 'cpu.policy', cpuPolicies) ?? 'shared',
    threads: oneOf(properties, 'cpu.threads', threadPolicies) ?? 'prefer',
    cpu_model: modelOf(properties),
    flags_required: flagsOf(properties, 'cpu.flags.required'),
    flags_forbidden: flagsOf(properties, 'cpu.flags.forbidden'),
    topology: topologyOf(properties, vcpus_max ?? size.vcpus),
    cells: cellsOf(properties, size),
    page_size: pageSizeOf(properties),
    pci: pciOf(properties),
    pci_near: oneOf(properties, 'pci.numa', ['preferred', 'required']) === 'required',
    vcpus_max: vcpus_max === size.vcpus ? null : vcpus_max,
    memory_max_mib: count(properties, 'memory.max_mib', size.memory_mib, limits.memory_mib_max),
    ...machineOf(properties),
  }
  const placed = read.cpu_policy === 'dedicated' || read.page_size !== 'small'
  const made = placed && read.cells.length === 0 ? { ...read, cells: [oneCell(size)] } : read
  checkTogether(made, properties)
  return made
}

function checkTogether(asked: Hardware, properties: Properties): void {
  const { cells, page_size, cpu_policy, flags_required, flags_forbidden } = asked
  if (properties['cpu.threads'] !== undefined && cpu_policy !== 'dedicated') {
    throw new BadHardware('cpu.threads is for CPUs of one’s own: it needs cpu.policy=dedicated.')
  }
  const both = flags_required.find(flag => flags_forbidden.includes(flag))
  if (both !== undefined) throw new BadHardware(`The CPU flag ${both} is both required and forbidden. Choose one.`)
  const growing = ['cpu.max', 'memory.max_mib'].find(key => properties[key] !== undefined)
  if (growing !== undefined && cells.length > 0) {
    throw new BadHardware(
      `${growing} cannot be combined with dedicated CPUs, huge pages or NUMA nodes: those are given out when an instance is placed, and do not grow. Leave one out.`,
    )
  }
  if (asked.pci_near && (cells.length === 0 || asked.pci.length === 0)) {
    throw new BadHardware('pci.numa=required needs devices (pci) and NUMA nodes (numa.nodes) that they are near to.')
  }
  if (typeof page_size !== 'number') return
  const uneven = cells.find(cell => (cell.memory_mib * 1024) % page_size !== 0)
  if (uneven !== undefined) {
    throw new BadHardware(
      `Memory of ${uneven.memory_mib} MiB in a NUMA node is no whole number of pages of ${page_size} KiB. Choose another size.`,
    )
  }
}

/** Secure boot is more than a file: the guest must not reach the firmware's own memory, which takes SMM, and so a q35 with UEFI. */
function machineOf(properties: Properties): Pick<Hardware, 'firmware' | 'secure_boot' | 'tpm'> {
  const firmware = oneOf(properties, 'firmware', firmwares)
  const secure_boot = oneOf(properties, 'secure_boot', ['true', 'false']) === 'true'
  const tpm = oneOf(properties, 'tpm', ['none', '2.0']) === '2.0'
  if (secure_boot && firmware !== 'uefi') throw new BadHardware('secure_boot=true needs firmware=uefi.')
  return {
    ...(firmware && { firmware }),
    ...(secure_boot && { secure_boot }),
    ...(tpm && { tpm: '2.0' as const }),
  }
}

function oneCell({ vcpus, memory_mib }: { vcpus: number; memory_mib: number }): GuestCell {
  return { vcpus: upTo(vcpus), memory_mib }
}

function upTo(n: number): number[] {
  return Array.from({ length: n }, (_, each) => each)
}

function oneOf<const T extends readonly string[]>(properties: Properties, key: string, words: T): T[number] | null {
  const value = properties[key]
  if (value === undefined) return null
  const found = words.find(word => word === value)
  if (found === undefined) throw new BadHardware(`${key}=${value} is not known. It is one of ${words.join(', ')}.`)
  return found
}

function count(properties: Properties, key: string, least: number, most: number): number | null {
  const value = properties[key]
  if (value === undefined) return null
  const number = Number(value)
  if (/^\d{1,9}$/.test(value) && number >= least && number <= most) return number
  throw new BadHardware(`${key}=${value} is not a whole number between ${least} and ${most}.`)
}

function modelOf(properties: Properties): string | null {
  const model = properties['cpu.model']
  if (model === undefined || /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(model)) return model ?? null
  throw new BadHardware(
    `cpu.model=${model} is not the name of a CPU model, nor host-model, host-passthrough or default.`,
  )
}

/** As libvirt names them; those of /proc/cpuinfo are the same but for a few. */
function flagsOf(properties: Properties, key: string): string[] {
  const flags = (properties[key] ?? '').split(/[\s,]+/).filter(flag => flag !== '')
  const bad = flags.find(flag => !/^[a-z0-9][a-z0-9._-]{0,31}$/.test(flag))
  if (bad !== undefined) throw new BadHardware(`${key}: '${bad}' is not the name of a CPU flag, as in avx2.`)
  return [...new Set(flags.map(libvirtFlag))]
}

function topologyOf(properties: Properties, vcpus: number): CpuTopology | null {
  const value = properties['cpu.topology']
  if (value === undefined) return null
  const found = /^(\d{1,3}):(\d{1,3}):(\d{1,3})$/.exec(value)
  const [sockets = 0, cores = 0, threads = 0] = found?.slice(1).map(Number) ?? []
  if (sockets * cores * threads === vcpus) return { sockets, cores, threads }
  throw new BadHardware(
    `cpu.topology=${value} is not sockets:cores:threads with a product of ${vcpus}, as many as there are vCPUs (with cpu.max, at most).`,
  )
}

function cellsOf(properties: Properties, size: { vcpus: number; memory_mib: number }): GuestCell[] {
  const explicit = Object.keys(properties).flatMap(key => cellKey.exec(key)?.[1] ?? [])
  const nodes = count(properties, 'numa.nodes', 1, cells_max)
  if (explicit.length === 0) return nodes === null ? [] : evenCells(nodes, size)
  const total = nodes ?? Math.max(...explicit.map(Number)) + 1
  const cells = upTo(total).map((n): GuestCell => {
    const cpus = properties[`numa.${n}.cpus`]
    const memory_mib = count(properties, `numa.${n}.memory_mib`, 1, size.memory_mib)
    if (cpus === undefined || memory_mib === null) {
      throw new BadHardware(
        `Each of the ${total} NUMA nodes needs numa.N.cpus and numa.N.memory_mib; node ${n} has not both.`,
      )
    }
    return { vcpus: cpuList(`numa.${n}.cpus`, cpus), memory_mib }
  })
  const beyond = explicit.find(n => Number(n) >= total)
  if (beyond !== undefined) throw new BadHardware(`numa.${beyond} is beyond numa.nodes=${total}: they count from 0.`)
  const given = cells.flatMap(cell => cell.vcpus).sort((a, b) => a - b)
  if (given.length !== size.vcpus || given.some((vcpu, n) => vcpu !== n)) {
    throw new BadHardware(`numa.N.cpus must name each of the vCPUs 0 to ${size.vcpus - 1} exactly once.`)
  }
  const memory_mib = cells.reduce((sum, cell) => sum + cell.memory_mib, 0)
  if (memory_mib !== size.memory_mib) {
    throw new BadHardware(`numa.N.memory_mib sum up to ${memory_mib} MiB, the flavor has ${size.memory_mib}.`)
  }
  return cells
}

function evenCells(nodes: number, { vcpus, memory_mib }: { vcpus: number; memory_mib: number }): GuestCell[] {
  if (vcpus % nodes !== 0 || memory_mib % nodes !== 0) {
    throw new BadHardware(
      `${vcpusText(vcpus)} and ${memory_mib} MiB are not evenly divided over numa.nodes=${nodes}. Say which node has what with numa.N.cpus and numa.N.memory_mib.`,
    )
  }
  const each = vcpus / nodes
  return upTo(nodes).map(n => ({ vcpus: upTo(each).map(vcpu => n * each + vcpu), memory_mib: memory_mib / nodes }))
}

/** '0-3,5' */
function cpuList(key: string, text: string): number[] {
  const parts = text.split(',').map(part => /^\s*(\d{1,4})(?:-(\d{1,4}))?\s*$/.exec(part))
  const cpus = parts.flatMap(part => {
    const from = Number(part?.[1] ?? Number.NaN)
    const to = part?.[2] === undefined ? from : Number(part[2])
    return to >= from && to < limits.vcpus_max ? upTo(to - from + 1).map(n => from + n) : [Number.NaN]
  })
  if (cpus.some(Number.isNaN)) throw new BadHardware(`${key}=${text} is not a list of vCPUs, as in 0-3,8.`)
  return cpus
}

function pageSizeOf(properties: Properties): PageSize {
  const value = properties['memory.page_size']
  if (value === undefined || value === 'small') return 'small'
  if (value === 'large' || value === 'any') return value
  const size_kib = pages_kib[value.toLowerCase()]
  if (size_kib !== undefined) return size_kib
  throw new BadHardware(`memory.page_size=${value} is not known. It is one of small, large, any, 2MiB, 1GiB.`)
}

/** 'gpu:2, nic' */
function pciOf(properties: Properties): PciRequest[] {
  const value = properties.pci
  if (value === undefined) return []
  const found = new Map<string, number>()
  for (const part of value.split(',')) {
    const [, alias, times = '1'] = /^\s*([A-Za-z0-9][A-Za-z0-9._-]{0,62})(?::(\d{1,2}))?\s*$/.exec(part) ?? []
    if (alias === undefined || Number(times) === 0) {
      throw new BadHardware(`pci=${value} is not a list of aliases, each with how many of it, as in gpu:2,nic.`)
    }
    found.set(alias, (found.get(alias) ?? 0) + Number(times))
  }
  const total = [...found.values()].reduce((sum, each) => sum + each, 0)
  if (total > slots_max)
    throw new BadHardware(`pci=${value} asks for ${total} devices; at most ${slots_max} are given.`)
  return [...found].map(([alias, times]) => ({ alias, count: times }))
}

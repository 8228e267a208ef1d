/**
 * What an instance asks of its host's hardware beyond a number of vCPUs and MiB: CPUs of its own, NUMA nodes, page sizes, PCI devices,
 * a CPU model, and how far it may grow while it runs. What a host gives it of that. Shapes only; reading them from a flavor's
 * properties is hardware-properties.ts, finding a place the scheduler's hardware-fit.ts.
 */

export const cpuPolicies = ['shared', 'dedicated'] as const
export type CpuPolicy = (typeof cpuPolicies)[number]

/**
 * Where a dedicated vCPU sits among the threads of a core: 'prefer' fills whole cores first, 'require' takes whole cores alone and
 * a host that has such threads, 'isolate' leaves a core's other threads idle.
 */
export const threadPolicies = ['prefer', 'require', 'isolate'] as const
export type ThreadPolicy = (typeof threadPolicies)[number]

export interface CpuTopology {
  readonly sockets: number
  readonly cores: number
  readonly threads: number
}

/** A NUMA node as the guest sees it. */
export interface GuestCell {
  readonly vcpus: readonly number[]
  readonly memory_mib: number
}

/** 'small': the host's usual ones; 'large': huge ones of any size; 'any': huge ones if there are; a number: huge ones of this size. */
export type PageSize = 'small' | 'large' | 'any' | number

/** What starts the guest's system; a machine of ARM has no other than UEFI. */
export const firmwares = ['bios', 'uefi'] as const
export type Firmware = (typeof firmwares)[number]

/** What hosts say that their machines can have; others than these may come with newer agents. */
export const machineFeatures = ['uefi', 'secure_boot', 'tpm'] as const
export type MachineFeature = (typeof machineFeatures)[number]

export interface PciRequest {
  readonly alias: string
  readonly count: number
}

/** Plain JSON: kept with the instance as it was when that was made. */
export interface Hardware {
  readonly cpu_policy: CpuPolicy
  readonly threads: ThreadPolicy
  /** Null: as the cloud's setting says. */
  readonly cpu_model: string | null
  readonly flags_required: readonly string[]
  readonly flags_forbidden: readonly string[]
  readonly topology: CpuTopology | null
  /** Empty: no place in NUMA is asked for. */
  readonly cells: readonly GuestCell[]
  readonly page_size: PageSize
  readonly pci: readonly PciRequest[]
  /** Devices from the very NUMA nodes that the guest is on; else from there if there are. */
  readonly pci_near: boolean
  /** How far vCPUs and memory may grow while it runs; null: not at all. */
  readonly vcpus_max: number | null
  readonly memory_max_mib: number | null
  /** Absent: as its architecture has it. */
  readonly firmware?: Firmware
  /** Only what its firmware's keys have signed is started. */
  readonly secure_boot?: true
  /** A TPM of this version, with state of its own. */
  readonly tpm?: '2.0'
}

export const plainHardware: Hardware = {
  cpu_policy: 'shared',
  threads: 'prefer',
  cpu_model: null,
  flags_required: [],
  flags_forbidden: [],
  topology: null,
  cells: [],
  page_size: 'small',
  pci: [],
  pci_near: false,
  vcpus_max: null,
  memory_max_mib: null,
}

/** Something of a host is taken by name or number, and not only so and so much of it. */
export function claimsHardware({ cells, pci }: Pick<Hardware, 'cells' | 'pci'>): boolean {
  return cells.length > 0 || pci.length > 0
}

/** What its host must be able to give the machine. */
export function featuresNeeded({ firmware, secure_boot, tpm }: Hardware): MachineFeature[] {
  return [
    ...(firmware === 'uefi' ? (['uefi'] as const) : []),
    ...(secure_boot ? (['secure_boot'] as const) : []),
    ...(tpm ? (['tpm'] as const) : []),
  ]
}

/** A cell of a guest and the node of the host that it is on. */
export interface AssignedCell extends GuestCell {
  readonly host_node: number
  /** Of each of `vcpus`, the host's CPU that is its own; empty: they share. */
  readonly cpus: readonly number[]
}

/** What of one host is an instance's: what is claimed, and what its host is told. */
export interface AssignedHardware {
  readonly cells: readonly AssignedCell[]
  /** Null: the host's usual pages. */
  readonly page_size_kib: number | null
  /** CPUs taken only so that nobody runs on them, beside isolated ones. */
  readonly idle_cpus: readonly number[]
  readonly pci: readonly { readonly alias: string; readonly address: string }[]
}

export const noHardware: AssignedHardware = { cells: [], page_size_kib: null, idle_cpus: [], pci: [] }

/** What is matched by an alias; null or empty: any. Numbers are as PCI's, four hexadecimal digits; a class may be a beginning. */
export interface PciAlias {
  readonly name: string
  readonly vendor: string | null
  readonly device: string | null
  readonly class: string | null
  /** Each device is the NIC of a port. */
  readonly is_nic?: boolean
}

export interface PciDevice {
  readonly address: string
  readonly vendor: string
  readonly device: string
  readonly class: string
}

/** As /sys writes a number: '0x8086' and '8086' are the same. */
function digits(text: string): string {
  return text.toLowerCase().replace(/^0x/, '')
}

export function matchesAlias(alias: Omit<PciAlias, 'name'>, device: Omit<PciDevice, 'address'>): boolean {
  return (
    (alias.vendor === null || digits(alias.vendor) === digits(device.vendor)) &&
    (alias.device === null || digits(alias.device) === digits(device.device)) &&
    (alias.class === null || digits(device.class).startsWith(digits(alias.class)))
  )
}

/** A port's NIC is a virtual function (SR-IOV): libvirt sets a MAC on no other (libvirt.org/formatdomain.html, hostdev interfaces). */
export function isGivenAs(
  { is_nic = false }: Pick<PciAlias, 'is_nic'>,
  { virtual_function = false }: { readonly virtual_function?: boolean },
): boolean {
  return !is_nic || virtual_function
}

const own_models: ReadonlySet<string> = new Set(['default', 'host-model', 'host-passthrough'])

/** CPU models that are made of the host's own CPU: every host has them. */
export function isHostsOwn(cpu_model: string): boolean {
  return own_models.has(cpu_model)
}

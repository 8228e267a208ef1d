/** What hosts may be told of hardware, one of each kind: for tests of the XML by schema and by libvirt itself. Not a test. */
import type { WantedHardware } from '../../../src/protocol/hardware.ts'
import { uuid } from './fakes.ts'

const cell = (vcpus: number[], host_node: number, cpus: number[] = []) => ({ vcpus, host_node, cpus, memory_mib: 768 })
const one = { vcpus: [0, 1, 2, 3], host_node: 0, memory_mib: 1536 }

/** Of a guest with 4 vCPUs, 1536 MiB and the port uuid(20). */
export const hardwareVariants: Readonly<Record<string, WantedHardware>> = {
  'CPUs of its own': { cells: [{ ...one, cpus: [1, 5, 2, 6] }], idle_cpus: [3] },
  'shared CPUs of a NUMA node': { cells: [{ ...one, cpus: [] }] },
  'two NUMA nodes with pins and pages': {
    cells: [cell([0, 2], 1, [9, 11]), cell([1, 3], 0, [1, 3])],
    page_size_kib: 2048,
  },
  'pages of 1 GiB': { cells: [{ ...one, cpus: [] }], page_size_kib: 1024 * 1024 },
  'threads and sockets': { topology: { sockets: 1, cores: 2, threads: 2 } },
  'a model with flags': { cpu_model: 'Nehalem', flags_required: ['aes', 'sse4_2'], flags_forbidden: ['rdtscp'] },
  'flags of the host': { cpu_model: 'host-passthrough', flags_forbidden: ['vmx'] },
  'room for vCPUs': { vcpus_max: 16 },
  'room for memory, some of it used': { memory_max_mib: 4096, memory_base_mib: 1024 },
  'room for both': { vcpus_max: 8, memory_max_mib: 8192 },
  UEFI: { firmware: 'uefi' },
  'UEFI with secure boot and a TPM': { firmware: 'uefi', secure_boot: true, tpm: '2.0' },
  'BIOS with a TPM': { firmware: 'bios', tpm: '2.0' },
  'PCI devices': { pci: [{ address: '0000:3b:00.0' }, { address: '10000:e1:00.7' }] },
  'a virtual function as NIC': { pci: [{ address: '0000:3b:02.1', port_id: uuid(20) }] },
}

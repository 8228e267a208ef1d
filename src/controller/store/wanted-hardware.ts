/** What hosts are told of instances' hardware: what was asked for, and which CPUs, nodes and devices of that very host it comes to. */
import { sql } from 'kysely'
import type { AssignedHardware, Hardware } from '../../model/hardware.ts'
import type { WantedHardware } from '../../protocol/hardware.ts'
import type { WantedPort } from '../../protocol/wanted.ts'
import type { Db } from './database.ts'
import { hardwareClaim } from './hardware-claim.ts'

interface Row {
  id: string
  hardware: unknown
  memory_base_mib: number | null
  memory_mib: number
}

/** Nothing is asked of the database where no instance has any. */
export async function wantedHardware(
  db: Db,
  rows: readonly Row[],
  ports: ReadonlyMap<string, readonly WantedPort[]>,
): Promise<{ of(row: Row, host_id: string): { hardware?: WantedHardware } }> {
  const special = rows.filter(row => row.hardware !== null).map(row => row.id)
  if (special.length === 0) return { of: () => ({}) }
  const assigned = await hardwareClaim.ofInstances(db, special)
  const { rows: nics } = await sql<{ name: string }>`select name from pci_alias where is_nic`.execute(db)
  const names = new Set(nics.map(one => one.name))
  return {
    of(row, host_id) {
      const hardware = row.hardware as Hardware | null
      if (hardware === null) return {}
      const own = assigned.get(`${row.id} ${host_id}`) ?? null
      return { hardware: { ...asked(hardware, row), ...(own && given(own, ports.get(row.id) ?? [], names)) } }
    },
  }
}

function asked(hardware: Hardware, row: Row): WantedHardware {
  const { cpu_model, flags_required, flags_forbidden, topology, vcpus_max, memory_max_mib } = hardware
  const { firmware, secure_boot, tpm } = hardware
  return {
    ...(cpu_model !== null && { cpu_model }),
    ...(flags_required.length > 0 && { flags_required: [...flags_required] }),
    ...(flags_forbidden.length > 0 && { flags_forbidden: [...flags_forbidden] }),
    ...(topology !== null && { topology }),
    ...(vcpus_max !== null && { vcpus_max }),
    ...(memory_max_mib !== null && { memory_max_mib, memory_base_mib: row.memory_base_mib ?? row.memory_mib }),
    ...(firmware && { firmware }),
    ...(secure_boot && { secure_boot }),
    ...(tpm && { tpm }),
  }
}

/** The last ports are those of network functions: the first stays on the logical network, where it can be reached in any case. */
function given(
  { cells, page_size_kib, idle_cpus, pci }: AssignedHardware,
  ports: readonly WantedPort[],
  nics: ReadonlySet<string>,
): WantedHardware {
  const left = ports.map(port => port.port_id)
  const devices = pci.map(({ alias, address }) => {
    const port_id = nics.has(alias) ? left.pop() : undefined
    return { address, ...(port_id !== undefined && { port_id }) }
  })
  return {
    ...(cells.length > 0 && {
      cells: cells.map(({ vcpus, memory_mib, host_node, cpus }) => ({
        vcpus: [...vcpus],
        memory_mib,
        host_node,
        cpus: [...cpus],
      })),
    }),
    ...(page_size_kib !== null && { page_size_kib }),
    ...(idle_cpus.length > 0 && { idle_cpus: [...idle_cpus] }),
    ...(devices.length > 0 && { pci: devices }),
  }
}

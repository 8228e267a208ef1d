/** What of its host's hardware an instance has by name or number, in words; null: nothing, or not for who may not see hosts. */
import type { Instance } from '../../api/instance.ts'
import { useRead } from '../api/read.ts'
import { routes } from '../api/routes.ts'
import { ranges } from '../../model/ranges.ts'
import { size } from '../parts/time.tsx'
import { may, useSession } from '../session/session.ts'
import { words } from './text.ts'

/** Asked for apart: events bring an instance as everybody may see it. */
export function useOnHost({ id }: Instance): string | null {
  const enabled = may(useSession(), { level: 'system', needs: 'topology.read' })
  const { data } = useRead(
    routes.instance.get,
    { params: { instance: id } },
    { follows: ['instance'], of: id, enabled },
  )
  if (!data?.on_host) return null
  const { cpus, idle_cpus, nodes, page_size_kib, memory_mib, devices } = data.on_host
  return [
    cpus.length > 0 && words('on_host.cpus', { n: cpus.length, cpus: ranges(cpus) }),
    idle_cpus.length > 0 && words('on_host.idle', { n: idle_cpus.length, cpus: ranges(idle_cpus) }),
    nodes.length > 0 && words('on_host.nodes', { n: nodes.length, nodes: nodes.join(', ') }),
    page_size_kib !== null &&
      words('on_host.pages', { memory: size(memory_mib, 'MiB'), size: size(page_size_kib, 'KiB') }),
    devices.length > 0 && words('on_host.devices', { n: devices.length, devices: devices.join(', ') }),
  ]
    .filter(part => part !== false)
    .join('; ')
}

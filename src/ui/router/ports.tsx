/** A router's interfaces and gateway, as ports. */
import type { Router } from '../../api/router.ts'
import { PortTable } from '../port/table.tsx'

export default function RouterPorts({ item }: { item: Router }) {
  return <PortTable query={{ router_id: item.id }} />
}

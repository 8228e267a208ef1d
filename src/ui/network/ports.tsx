/** What is plugged into a network. */
import type { Network } from '../../api/network.ts'
import { PortTable } from '../port/table.tsx'

export default function NetworkPorts({ item }: { item: Network }) {
  return <PortTable query={{ network_id: item.id }} />
}

/** Would a packet pass this port? */
import type { Port } from '../../api/port.ts'
import { PacketCheck } from '../security-group/packet-check.tsx'

export default function PortCheck({ item }: { item: Port }) {
  return <PacketCheck of={{ port_id: item.id }} />
}

/** The packet that is asked about first: somebody on the internet comes by SSH (address: RFC 5737, for documentation). */
import type { PacketAsked } from '../../api/security-group.ts'

export const firstAsked = {
  direction: 'ingress',
  protocol: 'tcp',
  destination_port: 22,
  remote_address: '198.51.100.7',
} as const satisfies PacketAsked

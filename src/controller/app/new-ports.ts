/** Adds ports of any kind to networks, with MACs of their own. */
import { CloudError } from '../../model/errors.ts'
import type { Cloud } from '../cloud.ts'
import { onConstraint } from '../store/constraint.ts'
import type { Tx } from '../store/database.ts'
import { type NewPort, port } from '../store/port.ts'

/** Adds ports, each with a fresh random MAC unless it has one; a MAC that its network has already is drawn anew. */
export async function insertPorts(tx: Tx, cloud: Pick<Cloud, 'random'>, ports: readonly NewPort[]): Promise<void> {
  let left = ports.map(each => ({ each, chosen: each.mac !== '' }))
  for (let attempt = 0; left.length > 0; attempt++) {
    for (const { each, chosen } of left) if (!chosen) each.mac = randomMac(cloud)
    const statement = port.insertMany(
      tx,
      left.map(({ each }) => each),
    )
    const added = await onConstraint(statement, {
      port_network_id_fkey: () => new CloudError('not_found', 'The network was deleted just now.'),
      port_security_group_security_group_id_fkey: () =>
        new CloudError('not_found', 'A security group was deleted just now.'),
    })
    left = left.filter(({ each }) => !added.has(each.id))
    const refused = left.find(({ chosen }) => chosen)
    if (refused) throw new CloudError('conflict', `The network has a port with the MAC ${refused.each.mac} already.`)
    if (attempt === 20)
      throw new CloudError('unavailable', 'The network has hardly any MAC address left. Use another network.')
  }
}

/** In the range that OpenStack's instances have by default too; unique in a network is enough. */
function randomMac(cloud: Pick<Cloud, 'random'>): string {
  return `fa:16:3e:${Array.from(cloud.random.bytes(3), byte => byte.toString(16).padStart(2, '0')).join(':')}`
}

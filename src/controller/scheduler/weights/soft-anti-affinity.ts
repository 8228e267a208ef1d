/** A group of the policy 'soft-anti-affinity': the fewer of it a host has, the better. */
import type { Weight } from '../weight.ts'

export const softAntiAffinity: Weight = {
  factor: 10,
  applies: asked => asked.group?.policy === 'soft-anti-affinity',
  weigh: (_, { members }) => 1 / (members + 1),
}

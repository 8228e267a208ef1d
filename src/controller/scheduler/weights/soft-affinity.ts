/** A group of the policy 'soft-affinity': the more of it a host has, the better. */
import type { Weight } from '../weight.ts'

export const softAffinity: Weight = {
  factor: 10,
  applies: asked => asked.group?.policy === 'soft-affinity',
  weigh: (_, { members }) => members / (members + 1),
}

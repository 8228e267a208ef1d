/** Kinds of ports, as the contract has them: its values do not come to the browser. */
import type { Port } from '../../api/port.ts'

export type { Port }

export const portKinds = [
  'instance',
  'router',
  'gateway',
  'metadata',
  'floating',
  'free',
] as const satisfies readonly Port['kind'][]

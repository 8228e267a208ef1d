/** A host's facts as its agent told them. The contract leaves them open, so that agents may tell more: what is not there is not shown. */
import type { HostFacts } from '../../protocol/messages.ts'
import type { Host } from '../../api/host.ts'

export type Facts = Partial<HostFacts>

export function factsOf({ facts }: Host): Facts {
  return typeof facts === 'object' && facts !== null ? facts : {}
}

export interface ForeignDomain {
  uuid: string
  name: string
  state: string
}

export function foreignOf({ foreign_domains }: Host): readonly ForeignDomain[] {
  return Array.isArray(foreign_domains) ? (foreign_domains as ForeignDomain[]) : []
}

/** Which filters of the list of hosts let one in, where no field of it equals what is asked for. */
import type { Host } from '../../api/host.ts'
import { hasLabel } from '../../model/host-label.ts'
import { needsAttention } from './attention.ts'

export function judge(
  host: Host,
  { label, attention }: Readonly<Record<string, unknown>>,
): Readonly<Record<string, boolean | null>> {
  const needs = needsAttention(host)
  return {
    label: [label ?? []].flat().every(one => hasLabel(host.labels, String(one))),
    attention: attention === undefined || (needs === null ? null : String(attention) === String(needs)),
  }
}

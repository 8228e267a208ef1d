/** Which filters of the list of hosts let one in, where no field of it equals what is asked for. */
import type { Host } from '../../api/host.ts'
import { hasLabel } from '../../model/host-label.ts'

export function judge(
  host: Host,
  { label, attention }: Readonly<Record<string, unknown>>,
): Readonly<Record<string, boolean>> {
  return {
    label: [label ?? []].flat().every(one => hasLabel(host.labels, String(one))),
    attention: attention === undefined || String(attention) === String(host.attention.length > 0),
  }
}

/** A host by its name, as a link as long as it is in the cloud: what was removed keeps its row, and has no page. */
import { ThingLink } from '../parts/link.tsx'
import { words } from './text.ts'

/** As the controller renames one that is removed (controller/store/host.ts), so that its name becomes free. */
const removed = /^(.*) \(removed [0-9a-f-]{36}\)$/s

export function HostName({ id, name }: { id: string | null; name: string | null }) {
  const before = removed.exec(name ?? '')?.[1]
  if (before !== undefined)
    return (
      <span title={name ?? undefined}>
        {before} <span className="croft-muted">{words('removed')}</span>
      </span>
    )
  return (
    <ThingLink noun="host" id={id}>
      {name ?? '–'}
    </ThingLink>
  )
}

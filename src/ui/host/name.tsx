/** A host by its name, as a link as long as it is in the cloud: what was removed keeps its row, and has no page. */
import { nameBefore } from '../../model/removed-name.ts'
import { ThingLink } from '../parts/link.tsx'
import { words } from './text.ts'

export function HostName({ id, name }: { id: string | null; name: string | null }) {
  const before = name === null ? null : nameBefore(name)
  if (before !== null)
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

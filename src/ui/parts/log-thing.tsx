/** What a row of a log is about: its kind and its name, as a link as long as it has a page. */
import { nameBefore } from '../../model/removed-name.ts'
import { words as hostWords } from '../host/text.ts'
import { ThingLink } from './link.tsx'

interface Props {
  noun: string
  title: string
  id: string
  name: string | null | undefined
  /** What the row tells is that it went, or is called by its name alone: it has no page. */
  pageless?: boolean
}

export function LogThing({ noun, title, id, name, pageless = false }: Props) {
  const before = name ? nameBefore(name) : null
  const text = (
    <span title={id}>
      {title} {before ?? name ?? <code>{id.slice(-8)}</code>}
      {before !== null && <span className="croft-muted"> {hostWords('removed')}</span>}
    </span>
  )
  if (pageless || before !== null) return text
  return (
    <ThingLink noun={noun} id={id}>
      {text}
    </ThingLink>
  )
}

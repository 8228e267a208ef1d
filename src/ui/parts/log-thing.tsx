/** What a row of a log is about: its kind and its name, as a link as long as it has a page. */
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
  const text = (
    <span title={id}>
      {title} {name ?? <code>{id.slice(-8)}</code>}
    </span>
  )
  if (pageless) return text
  return (
    <ThingLink noun={noun} id={id}>
      {text}
    </ThingLink>
  )
}

/** Another thing's name, read by its id and kept true by the events, as a link to its page. */
import { useQuery } from '@tanstack/react-query'
import { ask } from '../api/read.ts'
import { live } from '../live/stream.ts'
import { type Item, labelOf } from '../noun/definition.ts'
import { nounNamed } from '../noun/registry.ts'
import { may, useSession } from '../session/session.ts'
import { ThingLink } from './link.tsx'

/** Without a right to see it, or once it is gone: the end of its id. */
export function NameOf({ noun, id }: { noun: string; id: string | null | undefined }) {
  const name = useName(noun, id)
  if (!id) return <>–</>
  return (
    <ThingLink noun={noun} id={id}>
      {name}
    </ThingLink>
  )
}

export function useName(noun: string, id: string | null | undefined): string {
  const session = useSession()
  const definition = nounNamed(noun)
  const get = definition?.get
  const { data } = useQuery({
    // The same as of the thing's own page (resource-page.tsx): events change it in place.
    queryKey: ['item', noun, id ?? ''],
    queryFn: async ({ signal }) => {
      if (!get || !id) throw new Error(`${noun} has no page`)
      await live.opened
      return (await ask(get.route, { params: { [get.param]: id }, signal })).body as Item
    },
    enabled: Boolean(id && get && may(session, get.route)),
    staleTime: Number.POSITIVE_INFINITY,
  })
  return definition && data ? labelOf(definition, data) : (id?.slice(-8) ?? '–')
}

/** Names of users, projects and domains where only ids are known, without asking for what one may not see. */
import { useChoices } from '../api/read.ts'
import { routes } from '../api/routes.ts'
import { ThingLink } from '../parts/link.tsx'
import { NameOf } from '../parts/name-of.tsx'
import { may, useSession } from '../session/session.ts'

type Place = 'project' | 'domain'
const lists = { project: routes.project.list, domain: routes.domain.list }

/** From the list of those that one may see: the answer to one call serves all rows, and nothing is refused. */
export function PlaceName({ noun, id }: { noun: Place; id: string | null }) {
  const session = useSession()
  const all = may(session, { level: 'system', needs: `${noun}.read` })
  return all ? <NameOf noun={noun} id={id} /> : <Listed noun={noun} id={id} />
}

function Listed({ noun, id }: { noun: Place; id: string | null }) {
  const { data } = useChoices<{ id: string; name: string }>(lists[noun], { sort: 'name' }, { follows: [noun] })
  const found = data?.items.find(one => one.id === id)
  if (!found) return <>{id?.slice(-8) ?? '–'}</>
  return (
    <ThingLink noun={noun} id={id}>
      {found.name}
    </ThingLink>
  )
}

/** `name`: where the API says it; null: that it may not be told, or is that of nobody any more. */
export function UserName({ id, name }: { id: string | null; name?: string | null | undefined }) {
  const session = useSession()
  if (id === null) return <>{name ?? '–'}</>
  const sees = may(session, routes.user.list)
  if (name)
    return sees ? (
      <ThingLink noun="user" id={id}>
        {name}
      </ThingLink>
    ) : (
      <>{name}</>
    )
  if (name === undefined && may(session, { level: 'system', needs: 'user.read' })) return <NameOf noun="user" id={id} />
  return <>{id === session.user.id ? session.user.name : id.slice(-8)}</>
}

/** Settings in groups, as they hold for the cloud or a part of it: what each is for, what it takes, its value and where that comes from. */
import { Alert, Button, Card, CardBody, CardTitle } from '@patternfly/react-core'
import { useState } from 'react'
import type { Setting } from '../../api/setting.ts'
import { useRead } from '../api/read.ts'
import { routes } from '../api/routes.ts'
import { Empty } from '../parts/empty.tsx'
import { LazyPart } from '../parts/lazy.tsx'
import { Loading } from '../parts/loading.tsx'
import { ProblemAlert } from '../parts/problem.tsx'
import { useSession } from '../session/session.ts'
import { asked, mayAt, type SettingPlace } from './place.ts'
import { SettingRow } from './setting-row.tsx'
import { summaryOf, words } from './text.ts'
import './setting.css'

const loadHistory = () => import('./history.tsx')

/** `search`: only those in whose name or summary it is. */
export function SettingList({
  place,
  search = '',
  onAll,
}: {
  place: SettingPlace | null
  search?: string
  onAll?(): void
}) {
  const session = useSession()
  const [history, setHistory] = useState<string | null>(null)
  const { data, error, isPending, refetch } = useRead(
    routes.setting.list,
    { query: asked(place) },
    { follows: ['setting'] },
  )
  const fits = (one: Setting) => `${one.name} ${summaryOf(one)}`.toLowerCase().includes(search.trim().toLowerCase())
  const groups = Map.groupBy((data?.items ?? []).filter(fits), one => one.name.split('.', 1)[0] ?? '')
  const changes = mayAt(session, routes.setting.set, place)
  const remembers = mayAt(session, routes.setting.history, place)
  return (
    <>
      {!changes && <Alert isInline isPlain variant="info" title={words('read_only')} />}
      <ProblemAlert error={error} onRetry={() => void refetch()} />
      {isPending && <Loading />}
      {data && groups.size === 0 && (
        <Empty
          title={words(search ? 'none' : 'none.place')}
          {...(onAll && {
            actions: (
              <Button variant="link" onClick={onAll}>
                {words('all')}
              </Button>
            ),
          })}
        />
      )}
      {[...groups].map(([group, items]) => (
        <Card key={group}>
          <CardTitle component="h2">{words.maybe(`group.${group}`) ?? group}</CardTitle>
          <CardBody>
            {items.map(one => (
              <SettingRow
                key={one.name}
                setting={one}
                place={place}
                changes={changes}
                {...(remembers && { onHistory: () => setHistory(one.name) })}
              />
            ))}
          </CardBody>
        </Card>
      ))}
      {history !== null && (
        <LazyPart load={loadHistory} props={{ name: history, place, done: () => setHistory(null) }} />
      )}
    </>
  )
}

/** All settings in groups: what each is for, what it takes, its value and its standard. A change holds at once, on every controller. */
import { Alert, Button, Card, CardBody, CardTitle, SearchInput, Title } from '@patternfly/react-core'
import { useNavigate, useSearch } from '@tanstack/react-router'
import type { Setting } from '../../api/setting.ts'
import { useRead } from '../api/read.ts'
import { routes } from '../api/routes.ts'
import { ApiCallButton } from '../parts/api-call.tsx'
import { Empty } from '../parts/empty.tsx'
import { Loading } from '../parts/loading.tsx'
import { ProblemAlert } from '../parts/problem.tsx'
import { useTitle } from '../parts/use-title.ts'
import { may, useSession } from '../session/session.ts'
import type { Search } from '../shell/router.tsx'
import { SettingRow } from './setting-row.tsx'
import { summaryOf, words } from './text.ts'
import './setting.css'

export default function Settings() {
  const session = useSession()
  const navigate = useNavigate()
  const { search = '' } = useSearch({ strict: false }) as Search
  useTitle(words('title'))
  const { data, error, isPending, refetch } = useRead(routes.setting.list, {}, { follows: ['setting'] })
  const show = (text: string) => void navigate({ to: '/settings', search: text ? { search: text } : {}, replace: true })
  const fits = (one: Setting) => `${one.name} ${summaryOf(one)}`.toLowerCase().includes(search.trim().toLowerCase())
  const groups = Map.groupBy((data?.items ?? []).filter(fits), one => one.name.split('.', 1)[0] ?? '')
  const changes = may(session, routes.setting.set)
  return (
    <div className="croft-stack">
      <header className="croft-head">
        <Title headingLevel="h1">{words('title')}</Title>
        <div className="croft-head-actions">
          <ApiCallButton calls={() => callsOf(data?.items ?? [])} />
        </div>
      </header>
      <p className="croft-muted">{words('about')}</p>
      {!changes && <Alert isInline isPlain variant="info" title={words('read_only')} />}
      <SearchInput
        className="croft-setting-search"
        aria-label={words('search')}
        placeholder={words('search')}
        value={search}
        onChange={(_, text) => show(text)}
        onClear={() => show('')}
      />
      <ProblemAlert error={error} onRetry={() => void refetch()} />
      {isPending && <Loading />}
      {data && groups.size === 0 && (
        <Empty
          title={words('none')}
          actions={
            <Button variant="link" onClick={() => show('')}>
              {words('all')}
            </Button>
          }
        />
      )}
      {[...groups].map(([group, items]) => (
        <Card key={group}>
          <CardTitle component="h2">{words.maybe(`group.${group}`) ?? group}</CardTitle>
          <CardBody>
            {items.map(one => (
              <SettingRow key={one.name} setting={one} changes={changes} />
            ))}
          </CardBody>
        </Card>
      ))}
    </div>
  )
}

function callsOf([first]: readonly Setting[]) {
  const list = { route: routes.setting.list, input: {} }
  if (!first) return [list]
  const params = { setting: first.name }
  return [
    list,
    { route: routes.setting.get, input: { params } },
    { route: routes.setting.set, input: { params, body: { value: first.value } } },
    { route: routes.setting.reset, input: { params } },
  ]
}

/** All settings, for the cloud or one part of it. A change holds at once, on every controller and host. */
import { Button, FormSelect, FormSelectOption, SearchInput, Title } from '@patternfly/react-core'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { useState } from 'react'
import { type SettingPlaceKind, settingPlaces } from '../../model/setting.ts'
import { useChoices } from '../api/read.ts'
import { routes } from '../api/routes.ts'
import { ApiCallButton } from '../parts/api-call.tsx'
import { LazyPart } from '../parts/lazy.tsx'
import { Empty } from '../parts/empty.tsx'
import { ProblemAlert } from '../parts/problem.tsx'
import { useTitle } from '../parts/use-title.ts'
import { useSession } from '../session/session.ts'
import type { Search } from '../shell/router.tsx'
import { SettingList } from './list.tsx'
import { asked, mayAt, placeIn, type SettingPlace } from './place.ts'
import { words } from './text.ts'
import './setting.css'

export default function Settings() {
  const navigate = useNavigate()
  const asIs = useSearch({ strict: false }) as Search
  const { search = '' } = asIs
  const place = placeIn(asIs)
  const session = useSession()
  const [history, setHistory] = useState(false)
  useTitle(words('title'))
  const show = (text: string, at: SettingPlace | null = place) =>
    void navigate({ to: '/settings', search: { ...(text && { search: text }), ...asked(at) }, replace: true })
  return (
    <div className="croft-stack">
      <header className="croft-head">
        <Title headingLevel="h1">{words('title')}</Title>
        <div className="croft-head-actions">
          {mayAt(session, routes.setting.changes, place) && (
            <Button variant="secondary" onClick={() => setHistory(true)}>
              {words('history')}
            </Button>
          )}
          <ApiCallButton calls={() => callsOf(place)} />
        </div>
      </header>
      <p className="croft-muted">{words(place ? 'about.place' : 'about')}</p>
      <div className="croft-setting-bar">
        <PlaceChoice place={place} onChoose={at => show(search, at)} />
        <SearchInput
          className="croft-setting-search"
          aria-label={words('search')}
          placeholder={words('search')}
          value={search}
          onChange={(_, text) => show(text)}
          onClear={() => show('')}
        />
      </div>
      {mayAt(session, routes.setting.list, place) ? (
        <SettingList key={place?.id ?? ''} place={place} search={search} onAll={() => show('')} />
      ) : (
        <Empty title={words('choose.project')} />
      )}
      {history && <LazyPart load={loadHistory} props={{ name: null, place, done: () => setHistory(false) }} />}
    </div>
  )
}

const loadHistory = () => import('./history.tsx')

const lists = {
  zone: routes.zone.list,
  cluster: routes.cluster.list,
  host: routes.host.list,
  project: routes.project.list,
} as const

/** The kind of place first, then which one of them. */
function PlaceChoice({ place, onChoose }: { place: SettingPlace | null; onChoose(place: SettingPlace | null): void }) {
  const session = useSession()
  const everywhere = mayAt(session, routes.setting.list, null)
  const [chosen, setChosen] = useState<SettingPlaceKind | null>(place?.scope ?? (everywhere ? null : 'project'))
  const scope = place?.scope ?? chosen
  return (
    <>
      <FormSelect
        aria-label={words('where')}
        value={scope ?? 'global'}
        onChange={(_, value) => {
          setChosen(settingPlaces.find(one => one === value) ?? null)
          onChoose(null)
        }}
      >
        {(everywhere ? (['global', ...settingPlaces.toReversed()] as const) : (['project'] as const)).map(one => (
          <FormSelectOption key={one} value={one} label={words(`scope.${one}`)} />
        ))}
      </FormSelect>
      {scope && <Which scope={scope} id={place?.id ?? ''} onChoose={id => onChoose(id ? { scope, id } : null)} />}
    </>
  )
}

function Which({ scope, id, onChoose }: { scope: SettingPlaceKind; id: string; onChoose(id: string): void }) {
  const { data, error, refetch } = useChoices<{ id: string; name: string }>(
    lists[scope],
    { sort: 'name' },
    { follows: [scope] },
  )
  if (error) return <ProblemAlert error={error} onRetry={() => void refetch()} />
  return (
    <FormSelect aria-label={words(`scope.${scope}`)} value={id} onChange={(_, value) => onChoose(value)}>
      <FormSelectOption value="" label={words('choose')} isPlaceholder />
      {(data?.items ?? []).map(one => (
        <FormSelectOption key={one.id} value={one.id} label={one.name} />
      ))}
    </FormSelect>
  )
}

/** As an example of what can be done with each. */
function callsOf(place: SettingPlace | null) {
  const params = { setting: place?.scope === 'project' ? 'instance.stop_timeout_s' : 'metrics.interval_s' }
  const at = asked(place)
  return [
    { route: routes.setting.list, input: { query: at } },
    { route: routes.setting.get, input: { params, query: at } },
    { route: routes.setting.set, input: { params, body: { value: 30, ...at } } },
    { route: routes.setting.reset, input: { params, query: at } },
    { route: routes.setting.history, input: { params } },
  ]
}

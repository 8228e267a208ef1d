/** All plug-ins, for operators: what each adds and may ask for, or why it is refused. */
import { Alert, Button, Card, CardBody, CardTitle, Label, Title } from '@patternfly/react-core'
import SyncIcon from '@patternfly/react-icons/dist/esm/icons/sync-alt-icon'
import { useState } from 'react'
import type { Plugin } from '../../api/plugin.ts'
import type { Route } from '../../api/route.ts'
import { call, useRead } from '../api/read.ts'
import { routes } from '../api/routes.ts'
import { nounNamed } from '../noun/registry.ts'
import { ApiCallButton } from '../parts/api-call.tsx'
import { Empty } from '../parts/empty.tsx'
import { Facts } from '../parts/facts.tsx'
import { To } from '../parts/link.tsx'
import { Loading } from '../parts/loading.tsx'
import { ProblemAlert } from '../parts/problem.tsx'
import { StateLabel } from '../parts/state.tsx'
import { size, Time } from '../parts/time.tsx'
import { useTitle } from '../parts/use-title.ts'
import { may, useSession } from '../session/session.ts'
import { operations } from '../shell/operations.ts'
import { words as shared } from '../text/shared.ts'
import { pluginPath, textOf } from './list.ts'
import { words } from './text.ts'
import './plugin.css'

export default function Plugins() {
  useTitle(words('title'))
  const { data, error, isPending, refetch } = useRead(routes.plugin.list, {}, { follows: ['plugin'] })
  return (
    <div className="croft-stack">
      <header className="croft-head">
        <Title headingLevel="h1">{words('title')}</Title>
        <div className="croft-head-actions">
          <Reload />
          <ApiCallButton
            calls={() => [
              { route: routes.plugin.list, input: {} },
              ...(data?.items.slice(0, 1) ?? []).map(({ id }) => ({
                route: routes.plugin.get,
                input: { params: { plugin: id } },
              })),
              { route: routes.plugin.reload, input: {} },
            ]}
          />
        </div>
      </header>
      <p className="croft-muted">{words('about')}</p>
      {data && (
        <p>
          {data.folder === null ? (
            words('no_folder')
          ) : (
            <>
              {words('folder')}: <span className="croft-mono">{data.folder}</span>
            </>
          )}
        </p>
      )}
      <ProblemAlert error={error} onRetry={() => void refetch()} />
      {isPending && <Loading />}
      {data?.items.length === 0 && <Empty title={words('empty')}>{words('empty.body')}</Empty>}
      <div className="croft-stack">
        {data?.items.map(plugin => (
          <PluginCard key={plugin.id} plugin={plugin} />
        ))}
      </div>
    </div>
  )
}

function Reload() {
  const session = useSession()
  const [busy, setBusy] = useState(false)
  const allowed = may(session, routes.plugin.reload)
  const reload = () => {
    setBusy(true)
    call(routes.plugin.reload, {})
      .then(() => operations.said(words('reloaded'), { variant: 'success' }))
      .catch((error: unknown) => operations.said(words('reload'), { variant: 'danger', error }))
      .finally(() => setBusy(false))
  }
  return (
    <Button
      variant="secondary"
      icon={<SyncIcon />}
      isLoading={busy}
      isAriaDisabled={busy || !allowed}
      {...(!allowed && { title: shared('why_not.permission', { permission: 'setting.manage' }) })}
      onClick={() => allowed && reload()}
    >
      {words('reload')}
    </Button>
  )
}

function PluginCard({ plugin }: { plugin: Plugin }) {
  const { id, state, problem, version, title, description, files, bytes, read_at } = plugin
  const ready = state === 'ready'
  return (
    <Card component="section" aria-label={textOf(title)}>
      <CardTitle component="h2">
        {textOf(title)} <StateLabel tone={ready ? 'good' : 'bad'}>{words(`state.${state}`)}</StateLabel>
      </CardTitle>
      <CardBody>
        <div className="croft-stack croft-plugin-what">
          {problem !== null && <Alert variant="danger" isInline isPlain title={`${id}: ${problem}`} />}
          {description && <p>{textOf(description)}</p>}
          {ready && (
            <Facts
              facts={[
                [words('folder'), <span className="croft-mono">{id}</span>],
                [words('version'), version],
                [words('adds'), <Added plugin={plugin} />],
                [words('routes'), <Routes names={plugin.routes} />],
                [words('events'), plugin.events.join(', ') || words('events.none')],
                [words('size'), words('size.of', { size: size(bytes), n: files })],
                [words('read'), <Time at={read_at} />],
              ]}
            />
          )}
        </div>
      </CardBody>
    </Card>
  )
}

function Added({ plugin }: { plugin: Plugin }) {
  return (
    <ul>
      {plugin.tabs.map(tab => (
        <li key={`${tab.noun} ${tab.id}`}>
          {words('adds.tab', { title: textOf(tab.title), noun: nounNamed(tab.noun)?.title() ?? tab.noun })}
        </li>
      ))}
      {plugin.pages.map(page => (
        <li key={page.id}>
          <To to={`/${pluginPath(plugin.id, page.id)}`}>{words('adds.page', { title: textOf(page.title) })}</To>
        </li>
      ))}
    </ul>
  )
}

const methods = new Map(
  Object.values(routes).flatMap(noun =>
    Object.values(noun).map(one => [(one as Route).name, (one as Route).method] as const),
  ),
)

/** What changes things is marked: it is what one approves with care. */
function Routes({ names }: { names: readonly string[] }) {
  if (names.length === 0) return <>{words('routes.none')}</>
  return (
    <span className="croft-plugin-routes">
      {names.map(name => {
        const changes = methods.get(name as Route['name']) !== 'GET'
        return (
          <Label key={name} isCompact textMaxWidth="40ch" color={changes ? 'orange' : 'grey'}>
            {name}
            {changes && ` (${words('routes.changes')})`}
          </Label>
        )
      })}
    </span>
  )
}

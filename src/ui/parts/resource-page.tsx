/** The page of one thing: what it is called and how it is, what can be done with it, and its tabs. */
import { Breadcrumb, BreadcrumbItem, ClipboardCopy, Tab, Tabs, TabTitleText, Title } from '@patternfly/react-core'
import { useQuery } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { useEffect, useRef } from 'react'
import { ApiProblem } from '../../sdk/errors.ts'
import { ask } from '../api/read.ts'
import { routes } from '../api/routes.ts'
import { live } from '../live/stream.ts'
import { type Action, type Item, labelOf, type NounDefinition, type Tab as NounTab } from '../noun/definition.ts'
import { usePluginTabs } from '../plugin/list.ts'
import { may, useSession } from '../session/session.ts'
import { words } from '../text/shared.ts'
import { Actions } from './actions.tsx'
import { type ApiCall, ApiCallButton } from './api-call.tsx'
import { Empty } from './empty.tsx'
import { LazyPart } from './lazy.tsx'
import { addressOf, LinkButton, To } from './link.tsx'
import { Loading } from './loading.tsx'
import { useTitle } from './use-title.ts'
import { ProblemAlert } from './problem.tsx'

/** One thing, as it is now: kept true by the events. */
export function useItem(noun: NounDefinition, id: string) {
  return useQuery({
    queryKey: ['item', noun.name, id],
    queryFn: async ({ signal }) => {
      if (!noun.get) throw new Error(`${noun.name} has no page`)
      await live.opened
      return (await ask(noun.get.route, { params: { [noun.get.param]: id }, signal })).body as Item
    },
  })
}

export default function ResourcePage({ noun, id, tab }: { noun: NounDefinition; id: string; tab: string | undefined }) {
  const answer = useItem(noun, id)
  if (answer.isPending) return <Loading />
  const gone = answer.error instanceof ApiProblem && answer.error.status === 404
  if (gone)
    return (
      <Empty
        title={words('gone.title', { noun: noun.title() })}
        actions={<LinkButton to={`/${noun.path}`}>{noun.titles()}</LinkButton>}
      >
        {words('gone.body')}
      </Empty>
    )
  if (answer.error) return <ProblemAlert error={answer.error} onRetry={() => void answer.refetch()} />
  return <Page noun={noun} item={answer.data} tab={tab} />
}

/** First what is looked at. */
function callsOfTab({ name }: NounDefinition, item: Item, tab: NounTab<Item>): readonly ApiCall[] {
  if (tab.calls) return tab.calls(item)
  if (tab.id === 'events')
    return [{ route: routes.event.list, input: { query: { noun: name, resource_id: item.id, latest: true } } }]
  if (tab.id === 'metrics') return [{ route: routes.metrics.get, input: { query: { resource: [item.id] } } }]
  if (tab.id === 'settings') {
    const query = { [`${name}_id`]: item.id }
    return [{ route: routes.setting.list, input: { query } }]
  }
  return []
}

function Page({ noun, item, tab }: { noun: NounDefinition; item: Item; tab: string | undefined }) {
  const session = useSession()
  useTitle(labelOf(noun, item))
  const navigate = useNavigate()
  const added = usePluginTabs(noun.name)
  const tabs = [...((noun.tabs ?? []) as readonly NounTab<Item>[]), ...added].filter(
    one => (!one.needs || may(session, one.needs)) && (one.when?.(item) ?? true),
  )
  const current = tabs.find(one => one.id === tab) ?? tabs[0]
  const strip = useRef<HTMLDivElement>(null)
  const current_id = current?.id
  // Where not all tabs have room, the chosen one may be out of sight: when it was come to by its address, or is half in view; and again
  // once the arrows beside them have come, or their font, which changes what has room.
  useEffect(() => {
    const list = strip.current?.querySelector('.pf-v6-c-tabs__list')
    if (!list) return
    const show = () =>
      list.querySelector('.pf-v6-c-tabs__item.pf-m-current')?.scrollIntoView({ block: 'nearest', inline: 'center' })
    const watch = new ResizeObserver(show)
    for (const element of [list, ...list.children]) watch.observe(element)
    show()
    return () => watch.disconnect()
  }, [current_id])
  const calls = () => [
    ...(current ? callsOfTab(noun, item, current) : []),
    ...(noun.get ? [{ route: noun.get.route, input: { params: { [noun.get.param]: item.id } } }] : []),
    ...((noun.actions ?? []) as readonly Action<Item>[])
      .filter(one => may(session, one.route))
      .map(one => ({ route: one.route, input: one.input(item), ...(one.dialog && { of: { ...item } }) })),
  ]
  return (
    <div className="croft-resource">
      <Breadcrumb>
        <BreadcrumbItem
          render={({ className }) => (
            <To to={`/${noun.path}`} className={className}>
              {noun.titles()}
            </To>
          )}
        />
        <BreadcrumbItem isActive>{labelOf(noun, item)}</BreadcrumbItem>
      </Breadcrumb>
      <header className="croft-head">
        <div className="croft-title">
          <Title headingLevel="h1">{labelOf(noun, item)}</Title>
          <span aria-live="polite">{noun.badge?.(item)}</span>
          <ClipboardCopy
            variant="inline-compact"
            className="croft-id"
            hoverTip={words('copy')}
            clickTip={words('copied')}
            copyAriaLabel={words('copy.id')}
          >
            {item.id}
          </ClipboardCopy>
        </div>
        <div className="croft-head-actions">
          <Actions noun={noun} items={[item]} layout="page" />
          <ApiCallButton calls={calls} />
        </div>
      </header>
      {tabs.length > 1 && (
        <div ref={strip}>
          <Tabs
            activeKey={current?.id ?? ''}
            onSelect={(_, key) => void navigate({ to: addressOf(noun.path, item.id, String(key)), search: {} })}
            aria-label={labelOf(noun, item)}
            backScrollAriaLabel={words('tabs.back')}
            forwardScrollAriaLabel={words('tabs.on')}
            mountOnEnter
            unmountOnExit
          >
            {tabs.map(one => (
              <Tab
                key={one.id}
                eventKey={one.id}
                title={<TabTitleText>{one.title()}</TabTitleText>}
                tabContentId={`tab-${one.id}`}
              />
            ))}
          </Tabs>
        </div>
      )}
      {current && (
        <section
          id={`tab-${current.id}`}
          className="croft-tab"
          {...(tabs.length > 1 && { role: 'tabpanel', 'aria-label': current.title() })}
        >
          <LazyPart key={current.id} load={current.load} props={{ item }} />
        </section>
      )}
    </div>
  )
}

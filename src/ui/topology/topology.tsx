/** The page of the networks' topology: a picture, or a table of the same; it follows the event stream as lists do. */
import { Alert, Switch, Title, ToggleGroup, ToggleGroupItem } from '@patternfly/react-core'
import TopologyIcon from '@patternfly/react-icons/dist/esm/icons/topology-icon'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { useEffect, useMemo } from 'react'
import type { Instance } from '../../api/instance.ts'
import type { Network } from '../../api/network.ts'
import type { Router } from '../../api/router.ts'
import type { Subnet } from '../../api/subnet.ts'
import { instance } from '../instance/definition.tsx'
import { network } from '../network/definition.tsx'
import type { Item, NounDefinition } from '../noun/definition.ts'
import { ApiCallButton } from '../parts/api-call.tsx'
import { Empty } from '../parts/empty.tsx'
import { LazyPart } from '../parts/lazy.tsx'
import { LinkButton } from '../parts/link.tsx'
import { Loading } from '../parts/loading.tsx'
import { ProblemAlert } from '../parts/problem.tsx'
import { useList } from '../parts/use-list.ts'
import { useTitle } from '../parts/use-title.ts'
import { router } from '../router/definition.tsx'
import { may, useSession } from '../session/session.ts'
import type { Search } from '../shell/router.tsx'
import { subnet } from '../subnet/definition.tsx'
import { words as shared } from '../text/shared.ts'
import { words } from './text.ts'
import './topology.css'

/** Of each noun: more than this nobody can look at. */
const read_max = 2000

/** All of a list, up to a number, kept true by the events. */
function useWhole(noun: NounDefinition, search: Search) {
  const { items, answer } = useList(noun, search)
  const { hasNextPage, isFetching, fetchNextPage } = answer
  useEffect(() => {
    if (hasNextPage && !isFetching && items.length < read_max) void fetchNextPage()
  }, [hasNextPage, isFetching, fetchNextPage, items.length])
  return { items: items as readonly Item[], answer, cut: hasNextPage && items.length >= read_max }
}

/** A picture of many boxes says nothing on a telephone: the table is first there. */
const standard_view = () => (matchMedia('(max-width: 40rem)').matches ? 'table' : 'picture')

const nouns = [network, subnet, router, instance]

const loadPicture = () => import('./picture.tsx')
const loadTable = () => import('./table.tsx')

export default function Topology() {
  const session = useSession()
  const navigate = useNavigate()
  const { view: asked, all_projects } = useSearch({ strict: false }) as Search
  const view = asked ?? standard_view()
  const search = useMemo(() => (all_projects === 'true' ? { all_projects } : {}) as Search, [all_projects])
  useTitle(words('title'))
  const lists = {
    networks: useWhole(network, search),
    subnets: useWhole(subnet, search),
    routers: useWhole(router, search),
    instances: useWhole(instance, search),
  }
  const { networks, subnets, routers, instances } = lists
  const things = useMemo(
    () => ({
      networks: networks.items as unknown[] as Network[],
      subnets: subnets.items as unknown[] as Subnet[],
      routers: routers.items as unknown[] as Router[],
      instances: instances.items as unknown[] as Instance[],
    }),
    [networks.items, subnets.items, routers.items, instances.items],
  )
  const all = Object.values(lists)
  const change = (changes: Readonly<Record<string, string | undefined>>) => {
    const next = Object.entries({ view: asked, all_projects, ...changes }).filter(([, value]) => value !== undefined)
    void navigate({ to: '/topology', search: Object.fromEntries(next) as Search, replace: true })
  }
  const error = all.find(one => one.answer.error)?.answer.error
  return (
    <div className="croft-topology">
      <header className="croft-head">
        <Title headingLevel="h1">{words('title')}</Title>
        <div className="croft-head-actions">
          {session.permissions.system.includes('network.read') && (
            <Switch
              id="all-projects"
              label={shared('list.all_projects')}
              isChecked={all_projects === 'true'}
              onChange={(_, on) => change({ all_projects: on ? 'true' : undefined })}
            />
          )}
          <ToggleGroup aria-label={words('view')}>
            <ToggleGroupItem
              text={words('picture')}
              buttonId="view-picture"
              isSelected={view !== 'table'}
              onChange={() => change({ view: 'picture' })}
            />
            <ToggleGroupItem
              text={words('table')}
              buttonId="view-table"
              isSelected={view === 'table'}
              onChange={() => change({ view: 'table' })}
            />
          </ToggleGroup>
          <ApiCallButton
            calls={() =>
              nouns.filter(one => may(session, one.list)).map(one => ({ route: one.list, input: { query: search } }))
            }
          />
        </div>
      </header>
      <ProblemAlert error={error} />
      {instances.cut && <Alert isInline isPlain variant="info" title={words('more', { n: read_max })} />}
      {all.some(one => one.answer.isPending) ? (
        !error && <Loading />
      ) : things.networks.length === 0 ? (
        <Empty
          title={words('title')}
          icon={TopologyIcon}
          actions={
            network.create &&
            may(session, network.create.route) && <LinkButton to="/networks/create">{words('create')}</LinkButton>
          }
        >
          {words('empty')}
        </Empty>
      ) : (
        <LazyPart load={view === 'table' ? loadTable : loadPicture} props={things} />
      )}
    </div>
  )
}

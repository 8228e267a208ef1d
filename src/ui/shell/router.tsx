/** The addresses of the UI: /ui/<nouns>, /ui/<nouns>/create, /ui/<nouns>/<id>/<tab>, and pages that are no noun's. */
import { createRootRoute, createRoute, createRouter, Outlet, useLocation, useParams } from '@tanstack/react-router'
import { lazy, Suspense } from 'react'
import { nounAt, pageAt } from '../noun/registry.ts'
import { Broken } from '../parts/broken.tsx'
import { NotFound } from '../parts/empty.tsx'
import { Loading } from '../parts/loading.tsx'
import { LazyPart } from '../parts/lazy.tsx'
import { isPluginPath } from '../plugin/list.ts'
import { Frame } from './frame.tsx'

const loads = {
  dashboard: () => import('../dashboard/dashboard.tsx'),
  list: () => import('../parts/list-page.tsx'),
  resource: () => import('../parts/resource-page.tsx'),
}
const Dashboard = lazy(loads.dashboard)
const ConsoleWindow = lazy(() => import('../console/window.tsx'))
const ListPage = lazy(loads.list)
const ResourcePage = lazy(loads.resource)
const PluginPage = lazy(() => import('../plugin/plugin-page.tsx'))
const SettingsPage = lazy(() => import('./preferences-page.tsx'))

/** Begins to load what the page at an address is made of, before it is known who looks at it. If that fails, it is said when it is drawn. */
export function preload(pathname: string): void {
  const [path = '', id] = pathname.replace(/^\/ui\/?/, '').split('/')
  const load = path === '' ? loads.dashboard : nounAt(path) && (id ? loads.resource : loads.list)
  load?.().catch(() => undefined)
}

export type Search = Readonly<Record<string, string>>

/** Filters, order and view: all as text. */
function validateSearch(search: Record<string, unknown>): Search {
  return Object.fromEntries(
    Object.entries(search).flatMap(([key, value]) =>
      typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
        ? [[key, String(value)]]
        : [],
    ),
  )
}

function useNoun() {
  const { nouns: path = '' } = useParams({ strict: false }) as { nouns?: string }
  return { path, noun: nounAt(path) }
}

function ListRoute() {
  const { path, noun } = useNoun()
  const page = pageAt(path)
  if (page) return <LazyPart key={path} load={page.load} props={{}} />
  if (isPluginPath(path)) return <PluginPage key={path} path={path} />
  return noun ? <ListPage key={path} noun={noun} /> : <NotFound />
}

function CreateRoute() {
  const { path, noun } = useNoun()
  return noun?.create ? <LazyPart key={path} load={noun.create.load} props={{}} /> : <NotFound />
}

function ResourceRoute() {
  const { noun } = useNoun()
  const { id = '', tab } = useParams({ strict: false }) as { id?: string; tab?: string }
  return noun?.get ? <ResourcePage key={`${noun.name} ${id}`} noun={noun} id={id} tab={tab} /> : <NotFound />
}

/** A console's window has nothing around it. */
function Around() {
  const bare = useLocation().pathname.startsWith('/console/')
  return bare ? <Outlet /> : <Frame />
}

export function makeRouter() {
  const root = createRootRoute({
    component: Around,
    notFoundComponent: NotFound,
    validateSearch,
  })
  const parent = () => root
  const suspended = (Page: React.ComponentType) => () => (
    <Suspense fallback={<Loading />}>
      <Page />
    </Suspense>
  )
  const routeTree = root.addChildren([
    createRoute({ getParentRoute: parent, path: '/', component: suspended(Dashboard) }),
    createRoute({ getParentRoute: parent, path: '/preferences', component: suspended(SettingsPage) }),
    createRoute({ getParentRoute: parent, path: '/console/$id', component: suspended(ConsoleWindow) }),
    createRoute({ getParentRoute: parent, path: '/$nouns', component: suspended(ListRoute) }),
    createRoute({ getParentRoute: parent, path: '/$nouns/create', component: suspended(CreateRoute) }),
    createRoute({ getParentRoute: parent, path: '/$nouns/$id', component: suspended(ResourceRoute) }),
    createRoute({ getParentRoute: parent, path: '/$nouns/$id/$tab', component: suspended(ResourceRoute) }),
  ])
  return createRouter({
    routeTree,
    basepath: '/ui',
    defaultErrorComponent: Broken,
    defaultPreload: false,
    // As plain text, so that a link can be read, written and sent.
    parseSearch: text => Object.fromEntries(new URLSearchParams(text)),
    stringifySearch: search => {
      const parts = new URLSearchParams()
      for (const [key, value] of Object.entries(search)) if (value !== undefined) parts.set(key, String(value))
      return parts.size === 0 ? '' : `?${parts.toString()}`
    },
  })
}

declare module '@tanstack/react-router' {
  interface Register {
    router: ReturnType<typeof makeRouter>
  }
}

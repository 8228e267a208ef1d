/** A page that a plug-in adds: /ui/<plug-in>.<page> */
import { Title } from '@patternfly/react-core'
import type { Plugin } from '../../api/plugin.ts'
import { routes } from '../api/routes.ts'
import { type ApiCall, ApiCallButton } from '../parts/api-call.tsx'
import { NotFound } from '../parts/empty.tsx'
import { Loading } from '../parts/loading.tsx'
import { useTitle } from '../parts/use-title.ts'
import { may, useSession } from '../session/session.ts'
import { allRoutes, PluginFrame } from './frame.tsx'
import { pluginPath, textOf, usePlugins } from './list.ts'

export default function PluginPage({ path }: { path: string }) {
  const session = useSession()
  const { plugins, pending } = usePlugins()
  const all = plugins.flatMap(plugin => plugin.pages.map(page => ({ plugin, page })))
  const found = all.find(({ plugin, page }) => pluginPath(plugin.id, page.id) === path)
  const title = found ? textOf(found.page.title) : ''
  useTitle(title)
  if (pending) return <Loading />
  if (!found || !may(session, { level: 'project', needs: found.page.needs ?? null })) return <NotFound />
  const { plugin, page } = found
  return (
    <div className="croft-stack">
      <header className="croft-head">
        <Title headingLevel="h1">{title}</Title>
        <div className="croft-head-actions">
          <ApiCallButton calls={() => callsOf(plugin)} />
        </div>
      </header>
      <PluginFrame key={plugin.address} plugin={plugin} page={page.page} title={title} noun={null} item={null} />
    </div>
  )
}

/** What it may ask for, as far as it says so, and itself. */
function callsOf(plugin: Plugin): ApiCall[] {
  const asked = plugin.routes.flatMap(name => allRoutes.get(name) ?? [])
  return [
    ...asked.map(route => ({ route, input: {} })),
    { route: routes.plugin.get, input: { params: { plugin: plugin.id } } },
  ]
}

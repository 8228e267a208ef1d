/** A page that a plug-in adds: /ui/<plug-in>.<page> */
import { Title } from '@patternfly/react-core'
import { NotFound } from '../parts/empty.tsx'
import { Loading } from '../parts/loading.tsx'
import { useTitle } from '../parts/use-title.ts'
import { may, useSession } from '../session/session.ts'
import { PluginFrame } from './frame.tsx'
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
      </header>
      <PluginFrame key={plugin.address} plugin={plugin} page={page.page} title={title} noun={null} item={null} />
    </div>
  )
}

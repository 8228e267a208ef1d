/** A console in a window of its own: /ui/console/<instance>?kind=serial. Nothing around it but its name and the power actions. */
import { useParams } from '@tanstack/react-router'
import { useRead } from '../api/read.ts'
import { routes } from '../api/routes.ts'
import { InstanceStateLabel } from '../instance/state.tsx'
import type { Item } from '../noun/definition.ts'
import { nounNamed } from '../noun/registry.ts'
import { Actions } from '../parts/actions.tsx'
import { Loading } from '../parts/loading.tsx'
import { ProblemAlert } from '../parts/problem.tsx'
import { useTitle } from '../parts/use-title.ts'
import { Notices } from '../shell/operations-drawer.tsx'
import './console.css'
import InstanceConsole from './instance-console.tsx'
import { words } from './text.ts'

export default function ConsoleWindow() {
  const { id = '' } = useParams({ strict: false }) as { id?: string }
  const answer = useRead(routes.instance.get, { params: { instance: id } }, { follows: ['instance'], of: id })
  const { data: item } = answer
  useTitle(`${words('console')} ${item?.name ?? ''}`)
  const noun = nounNamed('instance')
  if (answer.error) return <ProblemAlert error={answer.error} onRetry={() => void answer.refetch()} />
  if (!item || !noun) return <Loading />
  return (
    <main className="croft-console-window">
      <header>
        <h1>
          {item.name} <InstanceStateLabel instance={item} />
        </h1>
        <Actions noun={noun} items={[item satisfies Item]} layout="page" />
      </header>
      <InstanceConsole item={item} windowed />
      <Notices />
    </main>
  )
}

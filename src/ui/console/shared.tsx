/** Looking on by a link, without an account: /ui/shared-console#<secret>. The secret never leaves the browser but in a request's body. */
import { useCallback, useState } from 'react'
import type { ConsoleTicket } from '../../api/console.ts'
import type { ConsoleKind, ShownKind } from '../../model/console.ts'
import { browserWays } from '../../sdk/browser-transport.ts'
import { clientOver } from '../../sdk/client.ts'
import { routes } from '../api/routes.ts'
import { useTitle } from '../parts/use-title.ts'
import './console.css'
import { ConsolePanel } from './panel.tsx'
import { words } from './text.ts'
import type { TicketFor } from './use-console.ts'

export default function SharedConsole() {
  const [found, setFound] = useState<{ instance: string; kind: ShownKind }>({ instance: '', kind: 'graphical' })
  const [secret] = useState(() => location.hash.slice(1))
  const { instance, kind } = found
  const ask = useCallback(
    async (_: ConsoleKind, { signal }: TicketFor): Promise<ConsoleTicket> => {
      const client = clientOver({ url: location.origin }, browserWays({ fetch: (url, asked) => fetch(url, asked) }))
      const got = await client.call(routes['console-link'].open, { body: { secret }, signal })
      setFound(before =>
        before.instance === got.instance && before.kind === got.kind
          ? before
          : { instance: got.instance, kind: got.kind },
      )
      return got
    },
    [secret],
  )
  useTitle(words('shared.title', { name: instance }))
  return (
    <main className="croft-console-window">
      <header>
        <h1>{words('shared.title', { name: instance })}</h1>
      </header>
      <ConsolePanel name={instance} kind={kind} onKind={null} ask={ask} />
    </main>
  )
}

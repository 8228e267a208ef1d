/** An instance's console as a tab of its page, and the same in a window of its own (window.tsx). */
import { Button } from '@patternfly/react-core'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { useCallback, useState } from 'react'
import type { ConsoleTicket } from '../../api/console.ts'
import type { Instance } from '../../api/instance.ts'
import type { ShownKind } from '../../model/console.ts'
import { call } from '../api/read.ts'
import { routes } from '../api/routes.ts'
import { words as instanceWords } from '../instance/text.ts'
import { Empty } from '../parts/empty.tsx'
import { ConsolePanel } from './panel.tsx'
import { ScreenSettings, SpiceWay } from './screen-settings.tsx'
import { words } from './text.ts'
import { Links, useViewers, Viewers } from './viewers.tsx'

const shows: ReadonlySet<Instance['state']> = new Set(['running', 'migrating', 'rebooting', 'starting'])
const replay_bytes = 64 * 1024

export default function InstanceConsole({ item, windowed = false }: { item: Instance; windowed?: boolean }) {
  const { id, name } = item
  const { kind: asked } = useSearch({ strict: false }) as { kind?: string }
  const kind: ShownKind = asked === 'serial' ? 'serial' : 'graphical'
  const navigate = useNavigate()
  const viewers = useViewers(id)
  const [own, setOwn] = useState<ConsoleTicket | null>(null)
  const ask = useCallback(
    (kind: ShownKind, signal: AbortSignal) =>
      call(routes.instance.console, {
        params: { instance: id },
        body: { kind, ...(kind === 'serial' && { replay_bytes }) },
        signal,
      }),
    [id],
  )
  const viewOnlyOf = (ticket: ConsoleTicket | null) =>
    viewers.data?.items.find(one => one.id === ticket?.console_id)?.view_only
  if (!shows.has(item.state)) {
    const state = instanceWords(`state.${item.state}`)
    return <Empty title={words('off', { state })}>{words('off.body')}</Empty>
  }
  return (
    <ConsolePanel
      name={name}
      kind={kind}
      onKind={kind => void navigate({ to: '.', search: { kind }, replace: true })}
      ask={ask}
      viewOnlyOf={viewOnlyOf}
      onTicket={setOwn}
      {...whyNoClipboard(item)}
      wake={`${item.state} ${item.started_at}`}
      extra={
        !windowed && (
          <>
            {kind === 'graphical' && <ScreenSettings item={item} />}
            <Button variant="secondary" size="sm" onClick={() => openWindow(id, kind)}>
              {words('window')}
            </Button>
          </>
        )
      }
      below={
        <>
          <Viewers instance={id} own={own?.console_id} />
          {!windowed && <SpiceWay item={item} />}
          {!windowed && <Links instance={id} kind={kind} />}
        </>
      }
    />
  )
}

function whyNoClipboard({ graphics, clipboard }: Instance): { whyNoClipboard?: string } {
  if (clipboard === 'none') return { whyNoClipboard: words('paste.not_shared') }
  return graphics === 'spice' ? { whyNoClipboard: words('paste.spice') } : {}
}

/** With an opener, so that the new window has this tab's session. */
function openWindow(id: string, kind: ShownKind): void {
  window.open(`/ui/console/${id}?kind=${kind}`, `console-${id}-${kind}`, 'popup,width=1100,height=820')
}

/** An instance's console as a tab of its page, and the same in a window of its own (window.tsx). */
import { Button } from '@patternfly/react-core'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { useCallback, useState } from 'react'
import type { ConsoleTicket } from '../../api/console.ts'
import type { Instance } from '../../api/instance.ts'
import { type ConsoleKind, consoleKinds } from '../../model/console.ts'
import { call } from '../api/read.ts'
import { routes } from '../api/routes.ts'
import { words as instanceWords } from '../instance/text.ts'
import { Empty } from '../parts/empty.tsx'
import { ConsolePanel } from './panel.tsx'
import { ScreenSettings, SpiceWay } from './screen-settings.tsx'
import { may, openWindow, useSession, useSessionState } from '../session/session.ts'
import { words } from './text.ts'
import { NotAgain, type TicketFor } from './use-console.ts'
import { Links, useViewers, Viewers } from './viewers.tsx'

const shows: ReadonlySet<Instance['state']> = new Set(['running', 'migrating', 'rebooting', 'starting'])
const replay_bytes = 64 * 1024

export default function InstanceConsole({ item, windowed = false }: { item: Instance; windowed?: boolean }) {
  const { id, name } = item
  const { kind: asked } = useSearch({ strict: false }) as { kind?: string }
  const session = useSession()
  const signed_in = useSessionState()
  const has_spice = item.graphics === 'spice' && may(session, routes.console.update, id)
  const kind = kindOf(asked, has_spice)
  const navigate = useNavigate()
  const viewers = useViewers(id)
  const [own, setOwn] = useState<ConsoleTicket | null>(null)
  const ask = useCallback(
    async (kind: ConsoleKind, { signal, viewer_id, is_again }: TicketFor) => {
      const params = { instance: id }
      // Who comes later takes the place at SPICE: two pages must not take it from one another for ever.
      if (kind === 'spice' && is_again) {
        const { items } = await call(routes.console.list, { params, signal })
        if (items.some(one => one.kind === 'spice')) throw new NotAgain(words('spice.taken'))
      }
      const body = { kind, ...(viewer_id && { viewer_id }), ...(kind === 'serial' && { replay_bytes }) }
      return await call(routes.instance.console, { params, body, signal })
    },
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
      has_spice={has_spice}
      onKind={kind => void navigate({ to: '.', search: { kind }, replace: true })}
      ask={ask}
      viewOnlyOf={viewOnlyOf}
      onTicket={setOwn}
      {...whyNoClipboard(item, kind)}
      whyNoResize={kind === 'graphical' && item.video_model === 'vga' ? words('scale.resize.none') : undefined}
      wake={`${item.state} ${item.started_at}`}
      renewed={signed_in.kind === 'signed-in' ? signed_in.client : null}
      extra={
        !windowed && (
          <>
            {kind !== 'serial' && <ScreenSettings item={item} />}
            <Button variant="secondary" size="sm" onClick={() => openConsole(id, kind)}>
              {words('window')}
            </Button>
          </>
        )
      }
      below={
        <>
          <Viewers instance={id} own={own?.console_id} />
          {!windowed && <SpiceWay item={item} />}
          {!windowed && <Links instance={id} kind={kind === 'serial' ? 'serial' : 'graphical'} />}
        </>
      }
    />
  )
}

function kindOf(asked: string | undefined, has_spice: boolean): ConsoleKind {
  const kind = consoleKinds.find(one => one === asked) ?? 'graphical'
  return kind === 'spice' && !has_spice ? 'graphical' : kind
}

function whyNoClipboard({ graphics, clipboard }: Instance, kind: ConsoleKind): { whyNoClipboard?: string } {
  if (clipboard === 'none') return { whyNoClipboard: words('paste.not_shared') }
  return graphics === 'spice' && kind !== 'spice' ? { whyNoClipboard: words('paste.spice') } : {}
}

function openConsole(id: string, kind: ConsoleKind): void {
  openWindow(`/ui/console/${id}?kind=${kind}`, `console-${id}-${kind}`, 'popup,width=1100,height=820')
}

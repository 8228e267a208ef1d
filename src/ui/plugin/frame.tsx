/**
 * A page of a plug-in, in a frame that has nothing of ours: no origin, no token, no network, no way out (http/plugin-files.ts). What it
 * may have comes over the bridge. Its first document is its only one: a frame that goes elsewhere is taken away.
 */
import { Alert } from '@patternfly/react-core'
import { useNavigate } from '@tanstack/react-router'
import { useEffect, useEffectEvent, useLayoutEffect, useRef, useState } from 'react'
import type { Plugin } from '../../api/plugin.ts'
import type { Route } from '../../api/route.ts'
import { delay } from '../../sdk/client.ts'
import { ask } from '../api/read.ts'
import { routes } from '../api/routes.ts'
import { loadShapes } from '../api/shapes.ts'
import { live } from '../live/stream.ts'
import type { Item } from '../noun/definition.ts'
import { Loading } from '../parts/loading.tsx'
import { usePreferences } from '../session/preferences.ts'
import { may, useSession } from '../session/session.ts'
import { operations } from '../shell/operations.ts'
import { language } from '../text/language.ts'
import { zoneName } from '../text/time-zone.ts'
import { Bridge } from './bridge.ts'
import { textOf } from './list.ts'
import { lookNow, watchLook } from './look.ts'
import { type Context, hello, welcome } from './plugin-api.ts'
import { words } from './text.ts'
import './plugin.css'

export const allRoutes: ReadonlyMap<string, Route> = new Map(
  Object.values(routes).flatMap(noun =>
    Object.values(noun).map(route => [(route as Route).name, route as Route] as const),
  ),
)

/** A page that has not said hello by then is broken, and that is said. */
const hello_ms = 10_000

interface Props {
  plugin: Plugin
  page: string
  title: string
  noun: string | null
  item: Item | null
}

type State = 'waiting' | 'silent' | 'there' | 'gone'

export function PluginFrame({ plugin, page, title, noun, item }: Props) {
  const frame = useRef<HTMLIFrameElement>(null)
  const bridge = useRef<Bridge>(null)
  const loads = useRef(0)
  const [state, setState] = useState<State>('waiting')
  const [height_px, setHeight] = useState(0)
  const context = useContextOf(plugin, noun, item)
  const ends = useEnds(plugin, frame, setHeight)
  const meet = useEffectEvent(({ source, origin, data }: MessageEvent<unknown>) => {
    const window = frame.current?.contentWindow
    if (!window || source !== window || origin !== 'null') return
    if ((data as { croft?: unknown } | null)?.croft !== hello) return
    // One bridge for a page: with each new one what is bounded would begin anew.
    if (bridge.current) return
    const { port1, port2 } = new MessageChannel()
    bridge.current = new Bridge(port1, ends)
    // It has no origin that could be named. Who hears it is the document that the plug-in's own policy is on.
    window.postMessage({ croft: welcome, context }, '*', [port2])
    setState('there')
  })
  // Before the frame can say anything.
  useLayoutEffect(() => {
    addEventListener('message', meet)
    const unfollow = live.follow(batch => bridge.current?.events(batch))
    const timer = setTimeout(() => setState(before => (before === 'waiting' ? 'silent' : before)), hello_ms)
    return () => {
      removeEventListener('message', meet)
      unfollow()
      clearTimeout(timer)
      bridge.current?.close()
      bridge.current = null
    }
  }, [])
  useEffect(() => bridge.current?.context(context), [context])
  const onLoad = () => {
    if (++loads.current > 1) setState('gone')
  }
  if (state === 'gone') return <Alert variant="danger" isInline title={words('gone', { title })} />
  return (
    <div className="croft-plugin">
      {state === 'waiting' && <Loading />}
      {state === 'silent' && (
        <Alert variant="warning" isInline title={words('silent', { title })}>
          {words('silent.body', { plugin: plugin.id })}
        </Alert>
      )}
      <iframe
        ref={frame}
        className="croft-plugin-frame"
        title={title}
        sandbox="allow-scripts"
        allow=""
        referrerPolicy="no-referrer"
        src={`${plugin.address}${page}`}
        onLoad={onLoad}
        style={{ height: state === 'there' ? height_px : 0, colorScheme: context.theme }}
      />
    </div>
  )
}

/** What the page is told of where it is; the same object until a part of it changes. */
function useContextOf(plugin: Plugin, noun: string | null, item: Item | null): Context {
  const session = useSession()
  const { time_zone } = usePreferences()
  const [seen, setSeen] = useState(lookNow)
  useEffect(() => watchLook(() => setSeen(lookNow())), [])
  const { user, project } = session
  const context: Context = {
    plugin: { id: plugin.id, version: plugin.version ?? '' },
    noun,
    item: item && { ...item },
    language: language(),
    ...seen,
    time_zone: zoneName(time_zone) ?? Intl.DateTimeFormat().resolvedOptions().timeZone,
    user: { id: user.id, name: user.name },
    project: project && { id: project.id, name: project.name },
    may: Object.fromEntries(
      plugin.routes.map(name => {
        const route = allRoutes.get(name)
        return [name, route !== undefined && may(session, route)]
      }),
    ),
    settings: plugin.settings,
  }
  const kept = useRef(context)
  if (JSON.stringify(kept.current) !== JSON.stringify(context)) kept.current = context
  return kept.current
}

const activation_ms = 500
const look_ms = 50

/**
 * A click in a frame counts for the page around it, too; the focus tells them apart. The frame is another process: what it says of
 * the click may be here before the browser has told of the click itself, for which there is no event.
 */
async function activatedSoon(frame: HTMLIFrameElement | null): Promise<boolean> {
  for (let waited_ms = 0; ; waited_ms += look_ms) {
    if (navigator.userActivation.isActive && document.activeElement === frame) return true
    if (waited_ms >= activation_ms) return false
    await delay(look_ms)
  }
}

function useEnds(
  plugin: Plugin,
  frame: React.RefObject<HTMLIFrameElement | null>,
  resize: (height_px: number) => void,
) {
  const navigate = useNavigate()
  const name = textOf(plugin.title)
  return {
    plugin,
    routes: allRoutes,
    ask: async (route: Route, input: Parameters<typeof ask>[1]) => (await ask(route, input)).body,
    activated: () => activatedSoon(frame.current),
    navigate: (to: string, search: Record<string, string>) => void navigate({ to, search }),
    notice: (title: string, notice: { variant: 'success' | 'warning' | 'danger'; detail?: string }) =>
      operations.said(`${name}: ${title}`, notice),
    done: (route: Route, outcome: { variant: 'success' | 'danger'; error?: unknown }) =>
      void loadShapes()
        .then(shapes => shapes[route.name]?.summary)
        // What a route does could not be read: its name says it, too.
        .catch(() => undefined)
        .then(summary => operations.said(`${name}: ${summary ?? route.name}`, outcome)),
    resize,
  }
}

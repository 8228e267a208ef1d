/** The application: theme and language, who is signed in, the live stream, and below them the pages. */
import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { RouterProvider } from '@tanstack/react-router'
import { lazy, Suspense, useCallback, useEffect, useRef, useState, useSyncExternalStore } from 'react'
import type { Event } from '../../api/event.ts'
import { ApiProblem } from '../../sdk/errors.ts'
import { ask, call } from '../api/read.ts'
import { routes } from '../api/routes.ts'
import { Applier } from '../live/apply.ts'
import { live } from '../live/stream.ts'
import { nouns } from '../nouns.ts'
import { ProblemAlert } from '../parts/problem.tsx'
import { usePreferences } from '../session/preferences.ts'
import { expire, followRights, may, resume, type SessionState, useSessionState } from '../session/session.ts'
import { SignInAgain, SignInPage } from '../session/sign-in.tsx'
import { language as languageNow, onLanguage, preferredLanguage } from '../text/language.ts'
import { speak } from '../text/speak.ts'
import { operations } from './operations.ts'
import { makeRouter } from './router.tsx'

const router = makeRouter()
const SharedConsole = lazy(() => import('../console/shared.tsx'))

/** `resumed`: the first try to go on with the tab's session, under way already. */
export function App({ resumed }: { resumed: Promise<void> }) {
  const { theme, language } = usePreferences()
  const spoken = useSyncExternalStore(onLanguage, languageNow)
  const state = useSessionState()
  useTheme(theme)
  useEffect(() => {
    document.documentElement.lang = spoken
  }, [spoken])
  const [unspoken, setUnspoken] = useState<unknown>()
  useEffect(() => {
    speak(preferredLanguage(language)).catch(setUnspoken)
  }, [language])
  const { failure, again } = useResumed(resumed)
  // For who has a link and no account.
  if (location.pathname === '/ui/shared-console') {
    return (
      <Suspense>
        <SharedConsole />
      </Suspense>
    )
  }
  if (failure ?? unspoken) {
    return (
      <main className="croft-sign-in">
        <div className="croft-unreachable">
          <ProblemAlert error={failure ?? unspoken} onRetry={again} />
        </div>
      </main>
    )
  }
  switch (state.kind) {
    case 'starting':
      return null
    case 'signed-out':
      return <SignInPage expired={state.expired} />
    case 'signed-in':
      // Another person or project: nothing of what was read before may be seen.
      return (
        <>
          <div className={state.ended ? 'croft-ended' : 'croft-app'} inert={state.ended === true}>
            <SignedIn key={`${state.session.user.id} ${state.session.project?.id} ${spoken}`} state={state} />
          </div>
          {state.ended && <SignInAgain session={state.session} />}
        </>
      )
    default:
      return state satisfies never
  }
}

/** Between one try to reach the controller and the next, while it does not answer. */
const again_ms = 3000

/** Goes on with the tab's session; where the controller is away, again and again until it is back. */
function useResumed(first: Promise<void>): { failure: unknown; again(): void } {
  const [failure, setFailure] = useState<unknown>()
  const again = useCallback(() => {
    resume().then(() => setFailure(undefined), setFailure)
  }, [])
  useEffect(() => void first.catch(setFailure), [first])
  useEffect(() => {
    if (failure === undefined) return
    const timer = setTimeout(again, again_ms)
    return () => clearTimeout(timer)
  }, [failure, again])
  return { failure, again }
}

function SignedIn({ state }: { state: Extract<SessionState, { kind: 'signed-in' }> }) {
  const [cache] = useState(makeCache)
  const { client, session, ended } = state
  const last = useRef(client)
  useEffect(() => operations.belongTo(session.user.id), [session.user.id])
  useEffect(() => {
    const applier = new Applier(cache, nouns, session.project?.id ?? null, ask)
    // Signed in again: what was refused meanwhile is asked anew, and what happened unheard.
    if (last.current !== client) void cache.invalidateQueries()
    last.current = client
    if (ended) return
    // What was given to oneself, or taken: there is more to see now, or less. If it cannot be read, it is with the next event or reload.
    const lookAtRights = () =>
      void followRights().then(
        rights => {
          if (rights === 'more') applier.all()
          // What was read by rights that are gone is not shown on.
          if (rights === 'less') void cache.resetQueries()
        },
        () => undefined,
      )
    // Who may see all projects hears of all; others of their own.
    const all = may(session, { level: 'system', needs: 'event.read' })
    return live.start(client, all, {
      events(batch) {
        applier.events(batch)
        operations.hear(batch)
        if (batch.some(one => isOfOwnRights(one, session.user.id))) lookAtRights()
      },
      gap() {
        applier.all()
        // One that cannot be read may be gone, or not for these eyes any more: it stays as it was told last.
        operations.catchUp(id => call(routes.operation.get, { params: { operation: id } })).catch(() => undefined)
      },
      // The server ends the stream of whom it has something else to tell from now on. And what was given or taken between the reading
      // of the rights and this moment, nobody tells.
      opened: lookAtRights,
      refused: (error: ApiProblem) => {
        if (error.code === 'not_signed_in') expire(client)
        if (error.code === 'forbidden') lookAtRights()
      },
    })
  }, [cache, client, session, ended])
  return (
    <QueryClientProvider client={cache}>
      <RouterProvider router={router} />
    </QueryClientProvider>
  )
}

function isOfOwnRights({ noun, detail }: Event, user_id: string): boolean {
  return noun === 'role-grant' && (detail as { user_id?: string } | null)?.user_id === user_id
}

/** Events keep what is shown true; what is not shown is read anew when it is shown again. */
function makeCache(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: {
        staleTime: 0,
        gcTime: 60_000,
        refetchOnWindowFocus: false,
        refetchOnReconnect: false,
        // The client tries again by itself what can be tried again.
        retry: false,
        // There may be a way to the controller where there is none to the world.
        networkMode: 'always',
      },
      mutations: { networkMode: 'always' },
    },
  })
}

/** PatternFly's dark theme is a class on the root element. */
function useTheme(theme: 'system' | 'light' | 'dark'): void {
  useEffect(() => {
    const system = matchMedia('(prefers-color-scheme: dark)')
    const apply = () => {
      const dark = theme === 'dark' || (theme === 'system' && system.matches)
      document.documentElement.classList.toggle('pf-v6-theme-dark', dark)
    }
    apply()
    system.addEventListener('change', apply)
    return () => system.removeEventListener('change', apply)
  }, [theme])
}

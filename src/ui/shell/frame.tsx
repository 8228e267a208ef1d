/** Around every page: masthead, navigation by what one may see, command palette, notices of what one has started. */
import { Page, PageSection, SkipToContent } from '@patternfly/react-core'
import { Outlet, useLocation } from '@tanstack/react-router'
import { lazy, Suspense, useEffect, useRef, useState } from 'react'
import { routes } from '../api/routes.ts'
import { focusMain, main_id } from '../parts/focus-main.ts'
import { prefer, usePreferences } from '../session/preferences.ts'
import { may, useSession } from '../session/session.ts'
import { words } from '../text/shared.ts'
import { CommandPalette } from './command-palette.tsx'
import { Head } from './masthead.tsx'
import { SideMenu } from './navigation.tsx'
import { Notices, OperationsDrawer } from './operations-drawer.tsx'

const StormBanner = lazy(() => import('../zone/storm-banner.tsx'))

export function Frame() {
  const { nav_open } = usePreferences()
  const session = useSession()
  const [palette, setPalette] = useState(false)
  const [drawer, setDrawer] = useState(false)
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === 'k') {
        event.preventDefault()
        setPalette(true)
      }
    }
    addEventListener('keydown', onKey)
    return () => removeEventListener('keydown', onKey)
  }, [])
  const narrow = useNarrow()
  const [menu, setMenu] = useState(false)
  const shown = narrow ? menu : nav_open
  const { pathname } = useLocation()
  useEffect(() => setMenu(false), [pathname])
  useFocusOnNavigation(pathname)
  return (
    <>
      <Page
        className="croft-page"
        isContentFilled
        skipToContent={<SkipToContent href={`#${main_id}`}>{words('skip')}</SkipToContent>}
        masthead={
          <Head
            onMenu={() => (narrow ? setMenu(!menu) : prefer({ nav_open: !nav_open }))}
            menuOpen={shown}
            onPalette={() => setPalette(true)}
            onOperations={() => setDrawer(!drawer)}
            operationsOpen={drawer}
          />
        }
        sidebar={<SideMenu open={shown} />}
        mainContainerId={main_id}
        notificationDrawer={<OperationsDrawer onClose={() => setDrawer(false)} />}
        isNotificationDrawerExpanded={drawer}
      >
        <PageSection hasBodyWrapper={false} isFilled className="croft-content">
          {may(session, routes.host.list) && (
            <Suspense fallback={null}>
              <StormBanner />
            </Suspense>
          )}
          <Outlet />
        </PageSection>
      </Page>
      {!drawer && <Notices />}
      {palette && <CommandPalette onClose={() => setPalette(false)} />}
    </>
  )
}

/** PatternFly's own breakpoint, below which the menu lies over the page. */
const narrow_query = '(max-width: 1199px)'

function useNarrow(): boolean {
  const [narrow, setNarrow] = useState(() => matchMedia(narrow_query).matches)
  useEffect(() => {
    const query = matchMedia(narrow_query)
    const listen = () => setNarrow(query.matches)
    query.addEventListener('change', listen)
    return () => query.removeEventListener('change', listen)
  }, [])
  return narrow
}

/** As with a page that was loaded: readers begin at the top of the new one. */
function useFocusOnNavigation(pathname: string): void {
  useEffect(() => {
    // Drawn in place of what had it, such as the sign-in or another project's pages. Of a page that was just loaded it is the browser's.
    if (navigator.userActivation.hasBeenActive && document.activeElement === document.body) focusMain()
  }, [])
  // Tabs of one page keep the focus where it is: /hosts/ID is a page with all that is below it.
  const page = pathname.split('/').slice(0, 3).join('/')
  const before = useRef(page)
  useEffect(() => {
    if (before.current === page) return
    before.current = page
    focusMain()
  }, [page])
}

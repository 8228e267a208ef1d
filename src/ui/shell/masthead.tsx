/** The head of every page: menu, search, what runs, help, and who and where one is. */
import {
  Badge,
  Button,
  Divider,
  Dropdown,
  DropdownGroup,
  DropdownItem,
  DropdownList,
  Masthead,
  MastheadBrand,
  MastheadContent,
  MastheadLogo,
  MastheadMain,
  MastheadToggle,
  MenuToggle,
  PageToggleButton,
  Toolbar,
  ToolbarContent,
  ToolbarGroup,
  ToolbarItem,
  Tooltip,
} from '@patternfly/react-core'
import BarsIcon from '@patternfly/react-icons/dist/esm/icons/bars-icon'
import ListCheckIcon from '@patternfly/react-icons/dist/esm/icons/tasks-icon'
import MoonIcon from '@patternfly/react-icons/dist/esm/icons/moon-icon'
import SearchIcon from '@patternfly/react-icons/dist/esm/icons/search-icon'
import { useNavigate } from '@tanstack/react-router'
import { useState, useSyncExternalStore } from 'react'
import { useRead } from '../api/read.ts'
import { routes } from '../api/routes.ts'
import { live } from '../live/stream.ts'
import { To } from '../parts/link.tsx'
import { Logo } from '../parts/logo.tsx'
import { menuPlace } from '../parts/menu-place.ts'
import { sentenceOf } from '../parts/problem.tsx'
import { prefer } from '../session/preferences.ts'
import { may, signOut, switchProject, useSession } from '../session/session.ts'
import { words } from '../text/shared.ts'
import { isAtWork, operations, useNotices } from './operations.ts'

export function Head({
  onMenu,
  menuOpen,
  onPalette,
  onOperations,
  operationsOpen,
}: {
  onMenu(): void
  menuOpen: boolean
  onPalette(): void
  onOperations(): void
  operationsOpen: boolean
}) {
  const running = useNotices().filter(isAtWork).length
  return (
    <Masthead display={{ default: 'inline' }}>
      <MastheadMain>
        <MastheadToggle>
          <PageToggleButton
            variant="plain"
            aria-label={words('menu')}
            isSidebarOpen={menuOpen}
            onSidebarToggle={onMenu}
          >
            <BarsIcon />
          </PageToggleButton>
        </MastheadToggle>
        <MastheadBrand>
          <MastheadLogo
            component={(props: object) => (
              <To to="/" {...props}>
                <Logo />
              </To>
            )}
          />
        </MastheadBrand>
      </MastheadMain>
      <MastheadContent>
        <Toolbar isStatic>
          <ToolbarContent>
            <ToolbarItem>
              <Button
                variant="tertiary"
                icon={<SearchIcon />}
                className="croft-search-button"
                aria-keyshortcuts="Control+K"
                onClick={onPalette}
              >
                <span className="croft-wide-text">{words('search.open')}</span> <kbd className="croft-wide">Ctrl K</kbd>
              </Button>
            </ToolbarItem>
            <ToolbarGroup align={{ default: 'alignEnd' }} gap={{ default: 'gapSm' }}>
              <ToolbarItem>
                <LiveMark />
              </ToolbarItem>
              <ToolbarItem>
                <Button
                  variant={operationsOpen ? 'secondary' : 'plain'}
                  aria-expanded={operationsOpen}
                  aria-label={words('operations.open', { n: running })}
                  title={words('operations')}
                  icon={<ListCheckIcon />}
                  onClick={onOperations}
                >
                  {running > 0 && <Badge>{running}</Badge>}
                </Button>
              </ToolbarItem>
              <ToolbarItem>
                <Button
                  variant="plain"
                  icon={<MoonIcon />}
                  aria-label={words('theme.toggle')}
                  title={words('theme.toggle')}
                  onClick={() =>
                    prefer({
                      theme: document.documentElement.classList.contains('pf-v6-theme-dark') ? 'light' : 'dark',
                    })
                  }
                />
              </ToolbarItem>
              <ToolbarItem>
                <UserMenu />
              </ToolbarItem>
            </ToolbarGroup>
          </ToolbarContent>
        </Toolbar>
      </MastheadContent>
    </Masthead>
  )
}

/** Whether what is shown is true at this moment. Nothing is said while it is. */
function LiveMark() {
  const state = useSyncExternalStore(live.subscribe, live.snapshot)
  if (state === 'live' || state === 'connecting') return <span className="croft-live" data-live={state} />
  return (
    <Tooltip content={words(`live.${state}`)}>
      <span role="status" tabIndex={0} className="croft-live croft-live-lost" data-live={state}>
        {words('live.mark')}
      </span>
    </Tooltip>
  )
}

function UserMenu() {
  const session = useSession()
  const navigate = useNavigate()
  const [open, setOpen] = useState(false)
  const projects = useRead(
    routes.project.list,
    { query: { limit: 50 } },
    { follows: ['project'], enabled: open && may(session, routes.project.list) },
  )
  const others = projects.data?.items ?? []
  return (
    <Dropdown
      isOpen={open}
      onOpenChange={setOpen}
      onSelect={() => setOpen(false)}
      popperProps={menuPlace}
      toggle={ref => (
        <MenuToggle ref={ref} variant="plainText" isExpanded={open} onClick={() => setOpen(!open)}>
          <span className="croft-who">
            <strong>{session.project?.name ?? words('no_project')}</strong>
            <span>{session.user.name}</span>
          </span>
        </MenuToggle>
      )}
    >
      {others.length > 0 && (
        <DropdownGroup label={words('project.switch')}>
          <DropdownList>
            {others.map(project => (
              <DropdownItem
                key={project.id}
                isSelected={project.id === session.project?.id}
                onClick={() => {
                  switchProject(project.id).catch((error: unknown) =>
                    operations.said(words('project.switch'), { variant: 'danger', detail: sentenceOf(error), error }),
                  )
                }}
              >
                {project.name}
              </DropdownItem>
            ))}
          </DropdownList>
        </DropdownGroup>
      )}
      {others.length > 0 && <Divider />}
      <DropdownList>
        <DropdownItem onClick={() => void navigate({ to: '/preferences', search: {} })}>
          {words('preferences')}
        </DropdownItem>
        <DropdownItem
          onClick={() => {
            // Signed out here in any case; a controller that is away forgets the token when it runs out.
            signOut().catch(() => undefined)
          }}
        >
          {words('sign_out')}
        </DropdownItem>
      </DropdownList>
    </Dropdown>
  )
}

/** The side menu: only what one may see, grouped; the portal of who only operates has no groups. */
import { Nav, NavGroup, NavItem, NavList, PageSidebar, PageSidebarBody } from '@patternfly/react-core'
import HomeIcon from '@patternfly/react-icons/dist/esm/icons/home-icon'
import { Link, useLocation } from '@tanstack/react-router'
import type { ComponentType } from 'react'
import type { Session } from '../../api/session.ts'
import { areas, type Area } from '../noun/definition.ts'
import { allNouns, allPages } from '../noun/registry.ts'
import { usePluginPlaces } from '../plugin/list.ts'
import { may, personaOf, useSession } from '../session/session.ts'
import { words } from '../text/shared.ts'

export interface Place {
  path: string
  title: string
  icon: ComponentType
  area: Area
}

/** What the calm portal of who only operates has; the rest is there by links from these, as far as one may see it. */
const portal_paths: ReadonlySet<string> = new Set(['instances', 'key-pairs', 'operations', 'account'])

/** Where one may go, in the menu's order; pages of plug-ins come last in their areas. */
export function usePlaces(): Place[] {
  const session = useSession()
  const plugins = usePluginPlaces()
  return inOrder([...placesOf(session), ...plugins])
}

const inOrder = (places: readonly Place[]) =>
  places.toSorted((one, other) => areas.indexOf(one.area) - areas.indexOf(other.area))

function placesOf(session: Session): Place[] {
  const portal = personaOf(session) === 'portal'
  const shown = [
    ...allNouns()
      .filter(noun => !noun.unlisted && may(session, noun.list) && may(session, noun.listed_for ?? noun.list))
      .map(noun => ({ ...noun, title: noun.titles() })),
    ...allPages()
      .filter(page => may(session, page.needs))
      .map(page => ({ ...page, title: page.title() })),
  ]
  return shown.filter(place => !portal || portal_paths.has(place.path))
}

export function SideMenu({ open }: { open: boolean }) {
  const session = useSession()
  const { pathname } = useLocation()
  const places = usePlaces()
  const item = ({ path, title, icon: Icon }: Pick<Place, 'path' | 'title' | 'icon'>) => {
    const active = path === '' ? pathname === '/' : pathname === `/${path}` || pathname.startsWith(`/${path}/`)
    return (
      <NavItem key={path} isActive={active}>
        <Link to={`/${path}`} search={{}} {...(active && { 'aria-current': 'page' as const })}>
          <span className="pf-v6-c-nav__link-icon" aria-hidden="true">
            <Icon />
          </span>
          {title}
        </Link>
      </NavItem>
    )
  }
  const home = item({ path: '', title: words('dashboard'), icon: HomeIcon })
  return (
    <PageSidebar isSidebarOpen={open}>
      <PageSidebarBody>
        <Nav aria-label={words('menu')}>
          <NavList>
            {home}
            {personaOf(session) === 'portal' && places.map(item)}
          </NavList>
          {personaOf(session) !== 'portal' &&
            areas.map(area => {
              const own = places.filter(place => place.area === area)
              return (
                own.length > 0 && (
                  <NavGroup key={area} title={words(`area.${area}`)}>
                    {own.map(item)}
                  </NavGroup>
                )
              )
            })}
        </Nav>
      </PageSidebarBody>
    </PageSidebar>
  )
}

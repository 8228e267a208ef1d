/** Links within the UI. */
import { Button, type ButtonProps } from '@patternfly/react-core'
import { Link, useNavigate } from '@tanstack/react-router'
import type { MouseEvent, ReactNode } from 'react'
import { nameBefore } from '../../model/removed-name.ts'
import { nounNamed } from '../noun/registry.ts'
import { may, useSession } from '../session/session.ts'
import type { Search } from '../shell/router.tsx'
import { words } from '../text/shared.ts'

/**
 * A link to an address below /ui. It knows nothing of where one is, unlike the router's own, each of which looks at every change of the
 * address: a long list has hundreds.
 */
export function To({
  to,
  search,
  children,
  className,
}: {
  to: string
  search?: Search
  children: ReactNode
  className?: string
}) {
  const navigate = useNavigate()
  const go = (event: MouseEvent) => {
    // A new tab or window, and what is saved, are the browser's.
    if (
      event.defaultPrevented ||
      event.button !== 0 ||
      event.metaKey ||
      event.ctrlKey ||
      event.shiftKey ||
      event.altKey
    )
      return
    event.preventDefault()
    void navigate({ to, search: search ?? {} })
  }
  const query = search && Object.keys(search).length > 0 ? `?${new URLSearchParams(search).toString()}` : ''
  return (
    <a href={`/ui${to}${query}`} onClick={go} {...(className && { className })}>
      {children}
    </a>
  )
}

export function LinkButton({
  to,
  children,
  variant = 'primary',
  icon,
}: {
  to: string
  children: ReactNode
  variant?: ButtonProps['variant']
  icon?: ReactNode
}) {
  return (
    <Button variant={variant} icon={icon} component={(props: object) => <Link to={to} search={{}} {...props} />}>
      {children}
    </Button>
  )
}

export function addressOf(noun_path: string, id: string, tab?: string): string {
  return `/${noun_path}/${id}${tab ? `/${tab}` : ''}`
}

/** A thing by its name, as a link if the user may see it and it has a page: of what was removed, as its name tells, the row is kept and no page. */
export function ThingLink({
  noun,
  id,
  children,
}: {
  noun: string
  id: string | null | undefined
  children: ReactNode
}) {
  const session = useSession()
  const definition = nounNamed(noun)
  const before = typeof children === 'string' ? nameBefore(children) : null
  if (before !== null)
    return (
      <span title={String(children)}>
        {before} <span className="croft-muted">{words('removed')}</span>
      </span>
    )
  if (!id || !definition?.get || !may(session, definition.get.route)) return <>{children ?? '–'}</>
  return <To to={addressOf(definition.path, id)}>{children}</To>
}

/** The column of a SimpleTable that names things of one noun and leads to them. */
export function nameColumn(noun: string, title: string) {
  return {
    title,
    cell: (one: { id: string; name: string }) => (
      <ThingLink noun={noun} id={one.id}>
        {one.name}
      </ThingLink>
    ),
  }
}

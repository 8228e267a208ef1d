/** Links within the UI. */
import { Button, type ButtonProps } from '@patternfly/react-core'
import { Link } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import { nounNamed } from '../noun/registry.ts'
import { may, useSession } from '../session/session.ts'
import type { Search } from '../shell/router.tsx'

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
  return (
    <Link to={to} search={search ?? {}} {...(className && { className })}>
      {children}
    </Link>
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

/** A thing by its name, as a link if the user may see it and it has a page. */
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
  if (!id || !definition?.get || !may(session, definition.get.route)) return <>{children ?? '–'}</>
  return <To to={addressOf(definition.path, id)}>{children}</To>
}

/** What is shown where there is nothing: what would be here, and what to do. */
import { EmptyState, EmptyStateActions, EmptyStateBody, EmptyStateFooter } from '@patternfly/react-core'
import type { ComponentType, ReactNode } from 'react'
import { words } from '../text/shared.ts'
import { LinkButton } from './link.tsx'

export function Empty({
  title,
  icon,
  children,
  actions,
}: {
  title: string
  icon?: ComponentType
  children?: ReactNode
  actions?: ReactNode
}) {
  return (
    <EmptyState titleText={title} headingLevel="h2" {...(icon && { icon })}>
      {children && <EmptyStateBody>{children}</EmptyStateBody>}
      {actions && (
        <EmptyStateFooter>
          <EmptyStateActions>{actions}</EmptyStateActions>
        </EmptyStateFooter>
      )}
    </EmptyState>
  )
}

export function NotFound() {
  return (
    <Empty title={words('not_found.title')} actions={<LinkButton to="/">{words('not_found.home')}</LinkButton>}>
      {words('not_found.body')}
    </Empty>
  )
}

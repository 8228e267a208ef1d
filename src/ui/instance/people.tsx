/** To whom the instance is given singly: they see and operate it, and nothing else of its project. */
import type { Instance } from '../../api/instance.ts'
import { GrantTable } from '../grant/table.tsx'
import { mayIn, useSession } from '../session/session.ts'
import { words as shared } from '../text/shared.ts'

export default function People({ item }: { item: Instance }) {
  const session = useSession()
  const { project } = session
  const permission = 'user.manage'
  // Of another project's domain nothing is known here; the controller says what is so.
  const domain_id = project?.id === item.project_id ? project.domain_id : null
  const may = domain_id === null || mayIn(session, permission, domain_id)
  return (
    <GrantTable
      about={{ instance_id: item.id }}
      name={item.name}
      whyNot={may ? undefined : shared('why_not.permission', { permission })}
    />
  )
}

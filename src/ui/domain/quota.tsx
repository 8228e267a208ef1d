/** A domain's quota: its limits are set by who manages the domain above. */
import type { Domain } from '../../api/domain.ts'
import { QuotaPanel } from '../quota/panel.tsx'
import { words } from '../quota/text.ts'
import { may, mayIn, useSession } from '../session/session.ts'

export default function DomainQuota({ item }: { item: Domain }) {
  const session = useSession()
  const top = item.parent_id === null
  const allowed = top
    ? may(session, { level: 'system', needs: 'quota.manage' })
    : mayIn(session, 'quota.manage', item.parent_id)
  const why = allowed ? undefined : words(top ? 'why_not.top_domain' : 'why_not.own_domain')
  return <QuotaPanel scope="domain" id={item.id} name={item.name} whyNot={why} />
}

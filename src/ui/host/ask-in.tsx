/** How machines without a token ask to be let in: the command, and whether they may. */
import { Alert } from '@patternfly/react-core'
import { useRead } from '../api/read.ts'
import { routes } from '../api/routes.ts'
import { CopyBlock } from '../parts/copy-block.tsx'
import { To } from '../parts/link.tsx'
import { words } from './text.ts'

export function AskIn() {
  const { data } = useRead(routes.host.joining, {}, { follows: ['setting'] })
  if (!data) return null
  return (
    <div className="croft-stack">
      <p>
        {words('ask_in')} <To to="/host-registrations">{words('ask_in.go')}</To>
      </p>
      {!data.self_registration && <Alert isInline isPlain variant="info" title={words('ask_in.off')} />}
      <CopyBlock text={data.command} label={words('invite.command')} />
    </div>
  )
}

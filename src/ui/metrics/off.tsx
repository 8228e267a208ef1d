/** Why there is nothing to draw: hosts measure only when they are told to. Who may tell them is led there. */
import { Alert } from '@patternfly/react-core'
import { useRead } from '../api/read.ts'
import { routes } from '../api/routes.ts'
import { To } from '../parts/link.tsx'
import { may, useSession } from '../session/session.ts'
import { words } from './text.ts'

export function MeasuringOff() {
  const session = useSession()
  const sees = may(session, routes.setting.get)
  const { data } = useRead(
    routes.setting.get,
    { params: { setting: 'metrics.interval_s' } },
    { follows: ['setting'], enabled: sees },
  )
  if (sees && data?.value !== 0) return null
  return (
    <Alert
      isInline
      variant="info"
      title={words(sees ? 'off.title' : 'nothing.title')}
      actionLinks={
        sees && (
          <To to="/settings" search={{ search: 'metrics.interval_s' }}>
            {words('off.link')}
          </To>
        )
      }
    >
      {words(sees ? 'off.body' : 'off.ask')}
    </Alert>
  )
}

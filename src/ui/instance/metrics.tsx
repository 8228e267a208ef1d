/** What the instance uses: its graphs. */
import { useMemo } from 'react'
import type { Instance } from '../../api/instance.ts'
import type { Volume } from '../../api/volume.ts'
import { useChoices } from '../api/read.ts'
import { routes } from '../api/routes.ts'
import MetricsPanel from '../metrics/panel.tsx'
import { may, useSession } from '../session/session.ts'
import { deviceNames } from './device-names.ts'

export default function InstanceMetrics({ item }: { item: Instance }) {
  const session = useSession()
  const volumes = useChoices<Volume>(
    routes.volume.list,
    { instance_id: item.id, sort: 'name' },
    { follows: ['volume', 'instance'], enabled: may(session, routes.volume.list) },
  )
  const deviceName = useMemo(() => deviceNames(item, volumes.data?.items ?? []), [item, volumes.data])
  return <MetricsPanel kind="instance" id={item.id} deviceName={deviceName} />
}

/** What the instance uses: its graphs. */
import type { Instance } from '../../api/instance.ts'
import MetricsPanel from '../metrics/panel.tsx'

export default function InstanceMetrics({ item }: { item: Instance }) {
  return <MetricsPanel kind="instance" id={item.id} />
}
